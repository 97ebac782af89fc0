// How a network card shares its packets out among its receive queues (receive-side scaling).
#pragma once

#include <cstdint>

#include <rte_ethdev.h>

namespace alkaid {

// What it is asked to hash, of what it offers (rte_eth_dev_info::flow_type_rss_offloads): addresses
// and ports, so that a flow stays on one queue; where it can, those of the frames inside tunnels.
// 0: it has a way of its own.
constexpr std::uint64_t rss_fields(std::uint64_t offered, bool is_tunneled) {
  const std::uint64_t fields =
      offered & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP);
  const bool has_inner = (offered & RTE_ETH_RSS_LEVEL_INNERMOST) == RTE_ETH_RSS_LEVEL_INNERMOST;
  return fields != 0 && is_tunneled && has_inner ? fields | RTE_ETH_RSS_LEVEL_INNERMOST : fields;
}

}  // namespace alkaid
