#include "dataplane/underlay/underlay_input_node.hpp"

#include "dataplane/exception/to_host.hpp"
#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// To one of our endpoints, at our MAC.
bool is_for_us(rte_mbuf* packet, const Port& port, const Underlay& underlay,
               const UnderlayHeaders& headers) {
  if (header_at<EthernetHeader>(packet, 0).destination != port.mac) {
    return false;
  }
  if (headers.is_v6) {
    // Without an endpoint this compares with ::, which no packet is addressed to: such are refused.
    const auto& destination = header_at<Ipv6Header>(packet, headers.l3_offset).destination;
    return destination == underlay.vtep_v6.bytes() && !underlay.vtep_v6.is_unset();
  }
  return header_at<Ipv4Header>(packet, headers.l3_offset).destination == underlay.vtep_v4 &&
         !underlay.vtep_v4.is_zero();
}

// A fragment to us, its IPv6 fragment header in the first buffer.
bool may_be_reassembled(rte_mbuf* packet, const Port& port, const Underlay& underlay,
                        const UnderlayHeaders& headers) {
  constexpr std::size_t kIpv6Headers = sizeof(Ipv6Header) + 8;
  if (!underlay.fragments_outside || !is_for_us(packet, port, underlay, headers)) {
    return false;
  }
  const std::size_t payload = headers.l3_offset + kIpv6Headers;
  return !headers.is_v6 || (payload < packet->data_len && payload < headers.outer_end);
}

// A sender that computes a checksum wants it verified (RFC 7348, section 5). It is optional over
// IPv4, and over IPv6 only where both ends agree (RFC 6935, 6936). The lengths were checked by
// parse_underlay.
DropReason check_udp(rte_mbuf* packet, const UnderlayHeaders& headers, const Underlay& underlay,
                     bool may_be_partial) {
  const auto& udp = header_at<UdpHeader>(packet, headers.udp_offset);
  if (udp.checksum.raw() == 0) {
    return headers.is_v6 && !underlay.udp6_zero_checksum ? DropReason::underlay_udp_unchecked
                                                         : DropReason::kNone;
  }
  const auto length = static_cast<std::uint16_t>(headers.outer_end - headers.udp_offset);
  const std::uint64_t pseudo_header =
      headers.is_v6
          ? ipv6_pseudo_header_sum(header_at<Ipv6Header>(packet, headers.l3_offset),
                                   ip_protocol::kUdp, length)
          : ipv4_pseudo_header_sum(header_at<Ipv4Header>(packet, headers.l3_offset), length);
  if (may_be_partial && udp.checksum.raw() == checksum_fold(pseudo_header)) {
    return DropReason::kNone;
  }
  const std::uint64_t sum = checksum_add_packet(pseudo_header, packet, headers.udp_offset, length);
  return checksum_fold(sum) == 0xffff ? DropReason::kNone : DropReason::underlay_udp_malformed;
}

// Well-formed as far as we look, but neither VXLAN nor address resolution.
bool may_be_for_host(DropReason reason) {
  return reason == DropReason::ethertype_unsupported || reason == DropReason::underlay_protocol ||
         reason == DropReason::underlay_fragment;
}

}  // namespace

Verdict UnderlayInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port& port = *context.ingress;
  const Underlay& underlay = worker.underlay();
  UnderlayHeaders headers;
  const DropReason refused =
      parse_underlay(bytes_of(packet), packet->pkt_len, underlay.format, headers);
  if (refused != DropReason::kNone) [[unlikely]] {
    if (refused == DropReason::underlay_fragment &&
        may_be_reassembled(packet, port, underlay, headers)) {
      context.headers.l3_offset = headers.l3_offset;
      context.headers.kind = headers.is_v6 ? FrameHeaders::Kind::kIpv6 : FrameHeaders::Kind::kIpv4;
      return Next::to<NodeId::kReassemble>();
    }
    return may_be_for_host(refused) ? to_host<Next>(worker, packet, context, drop(refused))
                                    : drop(refused);
  }
  if (headers.kind != UnderlayHeaders::Kind::kVxlan) [[unlikely]] {
    context.headers.l3_offset = headers.l3_offset;
    context.headers.l3_end = static_cast<std::uint16_t>(headers.outer_end);
    return headers.kind == UnderlayHeaders::Kind::kArp ? Next::to<NodeId::kUnderlayArp>()
                                                       : Next::to<NodeId::kUnderlayNd>();
  }
  if (!is_for_us(packet, port, underlay, headers)) {
    return to_host<Next>(worker, packet, context, drop(DropReason::underlay_not_for_us));
  }
  const DropReason bad_udp = check_udp(packet, headers, underlay, port.device.partial_checksums);
  if (bad_udp != DropReason::kNone) [[unlikely]] {
    return drop(bad_udp);
  }
  if (packet->pkt_len > headers.outer_end) {
    // Ethernet padding behind a short packet.
    rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->pkt_len - headers.outer_end));
  }
  context.vni = Vni::from_trusted(headers.vni);
  context.inner_offset = headers.inner_offset;
  context.outer_tos = headers.tos;
  return Next::to<NodeId::kDecapsulate>();
}

std::uint16_t UnderlayInputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                         std::uint16_t count) {
  return process_burst<UnderlayInputNode>(graph, node, packets, count);
}

}  // namespace alkaid
