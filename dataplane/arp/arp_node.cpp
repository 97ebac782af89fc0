#include "dataplane/arp/arp_node.hpp"

#include "dataplane/arp/arp_reply.hpp"
#include "dataplane/bridge/forward.hpp"
#include "dataplane/flood/ask_everybody.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

using Next = ArpNode::Next;

bool asks_for_gateway(const ArpHeader& arp, const Segment& segment) {
  return arp.target_ip == segment.gateway_v4 && !arp.target_ip.is_zero();
}

Verdict answer_guest(Worker& worker, rte_mbuf* packet, EthernetHeader& ethernet, ArpHeader& arp,
                     PacketContext& context) {
  const Tables& tables = worker.tables();
  MacAddress answer;
  if (asks_for_gateway(arp, *context.segment)) {
    answer = context.segment->gateway_v4_mac;
  } else {
    const Neighbor* neighbor = tables.neighbors.find(context.vni, arp.target_ip);
    if (neighbor == nullptr) {
      if (arp.sender_ip.is_zero()) {
        // A free address is what a probe hopes for (RFC 5227, 2.1.1).
        return ask_everybody<Next>(tables.flood, context, DropReason::arp_target_unknown);
      }
      return ask_or_await<Next>(worker, packet, context, IpAddress{arp.target_ip},
                                DropReason::arp_target_unknown);
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

Verdict answer_wire(const Tables& tables, EthernetHeader& ethernet, ArpHeader& arp,
                    PacketContext& context) {
  if (asks_for_gateway(arp, *context.segment)) {
    const MacAddress station = ethernet.source;
    turn_into_arp_reply(ethernet, arp, context.segment->gateway_v4_mac);
    return answer_station<Next>(tables.neighbors, station, context);
  }
  if (ethernet.destination.is_unicast()) {
    return Next::to<NodeId::kBridge>();
  }
  if (arp.sender_ip == arp.target_ip) {
    // An announcement (RFC 5227, 3): who is where is told by the agent.
    return Next::to<NodeId::kConsume>();
  }
  const Neighbor* target = tables.neighbors.find(context.vni, arp.target_ip);
  if (target == nullptr) {
    return ask_everybody<Next>(tables.flood, context, DropReason::arp_target_unknown);
  }
  if (!target->is_local()) {
    return drop(DropReason::arp_target_remote);
  }
  // Only the target need hear it, and it learns the asker's MAC by it.
  context.egress = target->port;
  return Next::to<NodeId::kDeliver>();
}

}  // namespace

Verdict ArpNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  auto& arp = header_at<ArpHeader>(packet, context.headers.l3_offset);
  const std::uint16_t operation = arp.operation.host();
  if (operation == ArpHeader::kReply) {
    if (ethernet.destination.is_unicast()) {
      // The answer to a request that was carried to or from another host.
      return Next::to<NodeId::kBridge>();
    }
    if (arp.sender_ip == arp.target_ip) {
      return Next::to<NodeId::kConsume>();  // an announcement in the other form (RFC 5944, 4.6)
    }
  }
  if (operation != ArpHeader::kRequest) {
    return drop(DropReason::arp_unexpected);
  }
  const Tables& tables = worker.tables();
  return context.from_wire ? answer_wire(tables, ethernet, arp, context)
                           : answer_guest(worker, packet, ethernet, arp, context);
}

std::uint16_t ArpNode::process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count) {
  return process_burst<ArpNode>(graph, node, packets, count);
}

}  // namespace alkaid
