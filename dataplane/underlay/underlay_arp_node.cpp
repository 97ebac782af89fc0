#include "dataplane/underlay/underlay_arp_node.hpp"

#include "dataplane/arp/arp_reply.hpp"
#include "dataplane/exception/to_host.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict UnderlayArpNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  auto& arp = header_at<ArpHeader>(packet, context.headers.l3_offset);
  if (!arp.sender_mac.is_unicast()) {
    return drop(DropReason::arp_malformed);
  }
  const Ipv4Address vtep = worker.underlay().vtep_v4;
  const bool announces_itself = arp.sender_ip == arp.target_ip;
  if ((arp.target_ip != vtep || vtep.is_zero()) && !announces_itself) {
    return to_host<Next>(worker, packet, context, drop(DropReason::underlay_arp_unexpected));
  }
  worker.observe({.address = arp.sender_ip, .mac = arp.sender_mac});
  if (arp.operation.host() != ArpHeader::kRequest || announces_itself) {
    // The host's kernel resolves addresses for itself: what answers us may answer it.
    return to_host<Next>(worker, packet, context, Next::to<NodeId::kConsume>());
  }
  turn_into_arp_reply(ethernet, arp, context.ingress->mac);
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t UnderlayArpNode::process(rte_graph* graph, rte_node* node, void** packets,
                                       std::uint16_t count) {
  return process_burst<UnderlayArpNode>(graph, node, packets, count);
}

}  // namespace alkaid
