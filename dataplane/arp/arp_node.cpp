#include "dataplane/arp/arp_node.hpp"

#include "dataplane/arp/arp_reply.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict ArpNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  auto& arp = header_at<ArpHeader>(packet, context.headers.l3_offset);
  if (arp.operation.host() == ArpHeader::kReply && ethernet.destination.is_unicast()) {
    // The answer to a request that came from another host.
    return Next::to<NodeId::kBridge>();
  }
  if (arp.operation.host() != ArpHeader::kRequest) {
    return drop(DropReason::arp_unexpected);
  }
  MacAddress answer;
  if (arp.target_ip == context.segment->gateway_v4 && !arp.target_ip.is_zero()) {
    answer = context.segment->gateway_v4_mac;
  } else {
    const Neighbor* neighbor = worker.tables().neighbors.find(context.vni, arp.target_ip);
    if (neighbor == nullptr) {
      return drop(DropReason::arp_target_unknown);
    }
    if (neighbor->port == context.ingress->index) {
      // An announcement of, or a probe for, the guest's own address (RFC 5227): nobody objects.
      return Next::to<NodeId::kConsume>();
    }
    answer = neighbor->mac();
  }
  turn_into_arp_reply(ethernet, arp, answer);
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t ArpNode::process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count) {
  return process_burst<ArpNode>(graph, node, packets, count);
}

}  // namespace alkaid
