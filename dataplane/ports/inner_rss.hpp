// Tunneled packets shared out among receive queues by the headers inside, on network cards that do
// so by a rule only (rte_flow's action RSS with a level, such as mlx5's).
#pragma once

#include <cstdint>

namespace alkaid {

// Asks the card to hash `fields` (RTE_ETH_RSS_*, no level) of what is inside VXLAN, over IPv4 and
// IPv6, and to share it out among `queues` receive queues. 0, or an errno: then nothing was
// changed, and the card shares out as it was configured to. The rules end with the device. Control
// thread, when the device has been started.
int spread_tunnels_by_inner_headers(std::uint16_t ethdev, std::uint16_t queues,
                                    std::uint64_t fields);

}  // namespace alkaid
