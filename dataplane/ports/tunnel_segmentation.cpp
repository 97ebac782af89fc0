#include "dataplane/ports/tunnel_segmentation.hpp"

#include <rte_ethdev.h>

namespace alkaid {
namespace {

constexpr std::uint64_t kNeeded =
    RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
    RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
constexpr std::uint64_t kUseful =
    kNeeded | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM;

}  // namespace

TunnelSegmentation tunnel_segmentation(const rte_eth_dev_info& offered) {
  if ((offered.tx_offload_capa & kNeeded) != kNeeded) {
    return {};
  }
  return {
      .over_v4 = true,
      .over_v6 = true,
      .over_v6_with_checksum = (offered.tx_offload_capa & RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM) != 0,
      .most_buffers = offered.tx_desc_lim.nb_seg_max};
}

std::uint64_t tunnel_segmentation_offloads(std::uint64_t offered) {
  return offered & kUseful;
}

}  // namespace alkaid
