// Tunneled packets shared out among receive queues by the headers inside, on network cards that do
// so by a rule only (rte_flow's action RSS with a level, such as mlx5's).
#pragma once

#include <cstdint>

namespace alkaid {

struct InnerRss {
  std::uint16_t queues = 1;      // receive queues, from the first one on
  std::uint64_t fields = 0;      // RTE_ETH_RSS_*, no level
  std::uint16_t vxlan_port = 0;  // UDP port of the tunnels
};

// Asks the card to hash the fields of what is inside VXLAN, over IPv4 and IPv6, and to share it out
// among the queues. 0, or an errno: then nothing was changed, and the card shares out as it was
// configured to. The rules end with the device, or when all of its rules are flushed. Control
// thread, when the device has been started.
int spread_tunnels_by_inner_headers(std::uint16_t ethdev, const InnerRss& wanted);

}  // namespace alkaid
