// Large TCP packets from guests that the uplink's card cuts behind their tunnel's headers, in place
// of our cutting them before. Workers.
#pragma once

#include <cstdint>
#include <optional>

#include <rte_mbuf.h>

#include "dataplane/packet/parse.hpp"
#include "dataplane/ports/tunnel_segmentation.hpp"
#include "dataplane/vhost/left_to_device.hpp"

namespace alkaid {

// What is in front of the frame in a tunnel.
struct OuterLengths {
  std::uint16_t link = 0;  // Ethernet, with a VLAN tag if there is one
  bool is_v6 = false;
  bool has_checksum = false;  // UDP's over IPv6
};

// How a large packet with these headers (of the frame without outer ones, as the fast path has
// checked them) is to be cut. nullopt: the card won't, or would do it otherwise than we. mtu: the
// uplink's, bytes of outer IP packet.
std::optional<CutTcp> stay_large_in_tunnel(const rte_mbuf* packet, const FrameHeaders& headers,
                                           const TunnelSegmentation& card,
                                           const OuterLengths& outer, std::uint16_t mtu);

// Turns the marks of a packet, its outer headers in front, into what DPDK's drivers are told of one
// that is to be cut (rte_mbuf_core.h, RTE_MBUF_F_TX_TCP_SEG and RTE_MBUF_F_TX_TUNNEL_VXLAN).
void leave_to_card(rte_mbuf* packet, const FrameHeaders& headers, const OuterLengths& outer,
                   const CutTcp& cut);

}  // namespace alkaid
