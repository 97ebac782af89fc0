#include "dataplane/ports/deliver_node.hpp"

#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict DeliverNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port* port = worker.ports().find(context.egress);
  if (port == nullptr || !port->forwards()) [[unlikely]] {
    return drop(DropReason::egress_port_down);
  }
  if (packet->pkt_len - sizeof(EthernetHeader) > port->mtu) [[unlikely]] {
    return reject<Next>(context, DropReason::egress_too_big, port->mtu);
  }
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t DeliverNode::process(rte_graph* graph, rte_node* node, void** packets,
                                   std::uint16_t count) {
  return process_burst<DeliverNode>(graph, node, packets, count);
}

}  // namespace alkaid
