// What DPDK says of devices in place of what they are, for tests of features that no device here
// has. Functions of the library that are wrapped by the linker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include <rte_ethdev.h>

namespace alkaid::test {

struct MadeUpDevice {
  std::optional<std::uint64_t> rss_fields;    // offered by every device; nullopt: what it says
  std::uint64_t transmit_offloads = 0;        // beside those that it says
  std::optional<std::uint16_t> most_buffers;  // of a packet to be sent; nullopt: what it says
};
inline MadeUpDevice made_up_device;

// As devices were configured, by ethdev.
inline std::map<std::uint16_t, rte_eth_conf> configurations;

}  // namespace alkaid::test
