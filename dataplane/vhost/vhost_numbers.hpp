// Numbers of guests' virtio devices, which stand where other devices have DPDK's ethdev number.
#pragma once

#include <cstdint>

#include <rte_ethdev.h>
#include <rte_vhost.h>

namespace alkaid {

// DPDK gives no such numbers to its own devices, and 0xffff means none.
inline constexpr std::uint16_t kFirstVhost = 0x8000;
inline constexpr std::uint16_t kMostVhosts = RTE_MAX_VHOST_DEVICE;
static_assert(RTE_MAX_ETHPORTS <= kFirstVhost);
static_assert(kFirstVhost + kMostVhosts < UINT16_MAX);

constexpr bool is_vhost(std::uint16_t number) {
  return number >= kFirstVhost && number < kFirstVhost + kMostVhosts;
}

}  // namespace alkaid
