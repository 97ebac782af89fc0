#include "dataplane/ports/guest_input_node.hpp"

#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/route/ipv6_input.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// Broadcast, or renewed at the server identifier that we give. A tenant's own server elsewhere is
// reached like any other station.
bool is_for_our_dhcp_server(rte_mbuf* packet, const EthernetHeader& ethernet,
                            const FrameHeaders& headers, const Segment& segment) {
  return ethernet.destination.is_multicast() ||
         header_at<Ipv4Header>(packet, headers.l3_offset).destination == segment.gateway_v4;
}

}  // namespace

Verdict GuestInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port& port = *context.ingress;
  if (!port.admin_up) [[unlikely]] {
    return drop(DropReason::port_admin_down);
  }
  FrameHeaders& headers = context.headers;
  const DropReason malformed = parse_frame(bytes_of(packet), packet->pkt_len, headers);
  if (malformed != DropReason::kNone) [[unlikely]] {
    return drop(malformed);
  }
  if (port.device.partial_checksums) {
    complete_partial_checksum(bytes_of(packet), headers);
  }
  const Segment* segment = worker.tables().segments.at(port.zone);
  if (segment == nullptr) [[unlikely]] {
    return drop(DropReason::segment_unknown);
  }
  context.segment = segment;
  context.vni = port.vni;
  if (headers.kind == FrameHeaders::Kind::kArp) {
    return Next::to<NodeId::kArp>();
  }
  const auto& ethernet = header_at<EthernetHeader>(packet, 0);
  if (headers.kind == FrameHeaders::Kind::kIpv6) {
    return classify_ipv6<Next>(ethernet, context);
  }
  if (headers.is_dhcp_client && is_for_our_dhcp_server(packet, ethernet, headers, *segment)) {
    return Next::to<NodeId::kDhcp>();
  }
  // A subnet without a gateway has the zero MAC here, which no frame may carry as destination.
  if (ethernet.destination == segment->gateway_v4_mac && !ethernet.destination.is_zero()) {
    return Next::to<NodeId::kRoute>();
  }
  return Next::to<NodeId::kBridge>();
}

std::uint16_t GuestInputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                      std::uint16_t count) {
  return process_burst<GuestInputNode>(graph, node, packets, count);
}

}  // namespace alkaid
