// Numbers of AF_XDP devices, which stand where other devices have DPDK's ethdev number.
#pragma once

#include <cstdint>

#include "dataplane/vhost/vhost_numbers.hpp"

namespace alkaid {

// Neither DPDK's nor those of guests' virtio devices, and 0xffff means none.
inline constexpr std::uint16_t kFirstXdp = 0xc000;
inline constexpr std::uint16_t kMostXdps = 1024;
static_assert(kFirstVhost + kMostVhosts <= kFirstXdp);
static_assert(kFirstXdp + kMostXdps < UINT16_MAX);

constexpr bool is_xdp(std::uint16_t number) {
  return number >= kFirstXdp && number < kFirstXdp + kMostXdps;
}

}  // namespace alkaid
