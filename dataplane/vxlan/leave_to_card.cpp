#include "dataplane/vxlan/leave_to_card.hpp"

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {
namespace {

// Below it some cards refuse to cut (256: DPDK's i40e, ice: 64); nobody's path MTU is as small.
constexpr std::uint16_t kSmallestSegment = 256;

// The outer headers' lengths have 16 bits.
constexpr std::uint32_t kLargestOuterPacket = UINT16_MAX;

std::uint16_t ip_and_vxlan_length(const OuterLengths& outer) {
  return outer.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4);
}

bool can(const TunnelSegmentation& card, const OuterLengths& outer) {
  return !outer.is_v6 ? card.over_v4
                      : (outer.has_checksum ? card.over_v6_with_checksum : card.over_v6);
}

template <class Header>
Header& header_in(rte_mbuf* packet, std::size_t offset) {
  return *rte_pktmbuf_mtod_offset(packet, Header*, offset);
}

// Cards compute sums whose field holds that of the pseudo-header without its length, which differs
// between segments.
void prepare_outer_checksum(rte_mbuf* packet, const OuterLengths& outer) {
  if (!outer.is_v6) {
    header_in<Ipv4Header>(packet, outer.link).checksum = BigEndian16{0};
  } else if (outer.has_checksum) {
    auto& header = header_in<TunnelHeaderV6>(packet, outer.link);
    header.udp.checksum = BigEndian16::from_raw(
        checksum_fold(ipv6_pseudo_header_sum(header.ip, ip_protocol::kUdp, 0)));
  }
}

}  // namespace

std::optional<CutTcp> stay_large_in_tunnel(const rte_mbuf* packet, const FrameHeaders& headers,
                                           const TunnelSegmentation& card,
                                           const OuterLengths& outer, std::uint16_t mtu) {
  const std::uint32_t outer_length = ip_and_vxlan_length(outer);
  const std::uint32_t overhead = outer_length + sizeof(EthernetHeader);
  if (!can(card, outer) || packet->nb_segs > card.most_buffers || mtu <= overhead ||
      packet->tso_segsz < kSmallestSegment || packet->pkt_len + outer_length > kLargestOuterPacket)
      [[unlikely]] {
    return std::nullopt;
  }
  const auto cut = stay_large(packet, headers, static_cast<std::uint16_t>(mtu - overhead));
  // Cards may take offence at what they are to cut and needn't.
  return cut && cut->segments > 1 ? cut : std::nullopt;
}

void leave_to_card(rte_mbuf* packet, const FrameHeaders& headers, const OuterLengths& outer,
                   const CutTcp& cut) {
  const bool is_v6 = headers.kind == FrameHeaders::Kind::kIpv6;
  packet->outer_l2_len = outer.link;
  packet->outer_l3_len = outer.is_v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  packet->l2_len = sizeof(UdpHeader) + sizeof(VxlanHeader) + headers.l3_offset;
  packet->l3_len = headers.l4_offset - headers.l3_offset;
  packet->l4_len = cut.header_length - headers.l4_offset;
  std::uint64_t flags =
      RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TUNNEL_VXLAN;
  flags |= outer.is_v6 ? RTE_MBUF_F_TX_OUTER_IPV6
                       : RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IP_CKSUM;
  flags |= outer.is_v6 && outer.has_checksum ? RTE_MBUF_F_TX_OUTER_UDP_CKSUM : 0;
  flags |= is_v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
  prepare_outer_checksum(packet, outer);
  const std::size_t frame = std::size_t{outer.link} + ip_and_vxlan_length(outer);
  std::uint64_t sum = 0;
  if (is_v6) {
    sum = ipv6_pseudo_header_sum(header_in<Ipv6Header>(packet, frame + headers.l3_offset),
                                 ip_protocol::kTcp, 0);
  } else {
    auto& ip = header_in<Ipv4Header>(packet, frame + headers.l3_offset);
    ip.checksum = BigEndian16{0};
    sum = ipv4_pseudo_header_sum(ip, 0);
  }
  header_in<TcpHeader>(packet, frame + headers.l4_offset).checksum =
      BigEndian16::from_raw(checksum_fold(sum));
  packet->ol_flags = (packet->ol_flags & ~kLeftToDevice) | flags;
}

}  // namespace alkaid
