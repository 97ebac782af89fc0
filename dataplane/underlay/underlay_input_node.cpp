#include "dataplane/underlay/underlay_input_node.hpp"

#include "dataplane/packet/checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// The outer UDP checksum is optional over IPv4; a sender that computes one wants it verified
// (RFC 7348, section 5). `ip_offset` and the lengths were checked by parse_underlay.
bool outer_checksum_ok(rte_mbuf* packet, std::size_t outer_end, bool may_be_partial) {
  constexpr std::size_t kIpOffset = sizeof(EthernetHeader);
  const auto& ip = header_at<Ipv4Header>(packet, kIpOffset);
  const std::size_t udp_offset = kIpOffset + ip.header_length();
  const auto& udp = header_at<UdpHeader>(packet, udp_offset);
  if (udp.checksum.raw() == 0) {
    return true;
  }
  const auto length = static_cast<std::uint16_t>(outer_end - udp_offset);
  const std::uint64_t pseudo_header = ipv4_pseudo_header_sum(ip, length);
  if (may_be_partial && udp.checksum.raw() == checksum_fold(pseudo_header)) {
    return true;
  }
  return outer_end <= packet->data_len &&
         checksum_fold(checksum_add(pseudo_header, &udp, length)) == 0xffff;
}

}  // namespace

Verdict UnderlayInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port& port = *context.ingress;
  Underlay& underlay = worker.underlay();
  UnderlayHeaders headers;
  const DropReason malformed =
      parse_underlay(bytes_of(packet), packet->pkt_len, underlay.vxlan_port, headers);
  if (malformed != DropReason::kNone) [[unlikely]] {
    return drop(malformed);
  }
  if (headers.kind == UnderlayHeaders::Kind::kArp) {
    return Next::to<NodeId::kUnderlayArp>();
  }
  if (header_at<EthernetHeader>(packet, 0).destination != port.mac ||
      headers.destination != underlay.vtep_v4) {
    return drop(DropReason::underlay_not_for_us);
  }
  if (headers.kind != UnderlayHeaders::Kind::kVxlan) {
    return drop(DropReason::underlay_protocol);
  }
  if (!outer_checksum_ok(packet, headers.outer_end, port.device.partial_checksums)) {
    return drop(DropReason::underlay_udp_malformed);
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
