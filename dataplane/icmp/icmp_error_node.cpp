#include "dataplane/icmp/icmp_error_node.hpp"

#include "dataplane/icmp/icmp_error_reply.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict IcmpErrorNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const DropReason reason = context.drop_reason;
  const FrameHeaders::Kind kind = context.headers.kind;
  const bool is_v4 = kind == FrameHeaders::Kind::kIpv4;
  if (context.from_wire || kind == FrameHeaders::Kind::kArp ||
      header_at<EthernetHeader>(packet, 0).destination.is_multicast() ||
      !(is_v4 ? may_answer_v4(packet, context) : may_answer_v6(packet, context))) {
    return drop(reason);
  }
  // The guest's own segment: a routed packet's context may already name the next one.
  const Segment* segment = worker.tables().segments.at(context.ingress->zone_of(kind));
  if (segment == nullptr || !worker.take_icmp_error_token()) {
    return drop(reason);
  }
  const bool answered = is_v4 ? turn_into_error_v4(packet, context, *segment)
                              : turn_into_error_v6(packet, context, *segment);
  if (!answered) {
    return drop(reason);
  }
  worker.counters_of(context.ingress).drops[static_cast<std::size_t>(reason)].add(1);
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t IcmpErrorNode::process(rte_graph* graph, rte_node* node, void** packets,
                                     std::uint16_t count) {
  return process_burst<IcmpErrorNode>(graph, node, packets, count);
}

}  // namespace alkaid
