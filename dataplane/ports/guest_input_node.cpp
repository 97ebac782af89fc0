#include "dataplane/ports/guest_input_node.hpp"

#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

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
  if (headers.is_dhcp_client) {
    return Next::to<NodeId::kDhcp>();
  }
  const auto& ethernet = header_at<EthernetHeader>(packet, 0);
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
