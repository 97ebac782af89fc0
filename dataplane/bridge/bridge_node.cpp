#include "dataplane/bridge/bridge_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict BridgeNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const MacAddress& destination = header_at<EthernetHeader>(packet, 0).destination;
  if (destination.is_multicast()) [[unlikely]] {
    return Next::to<NodeId::kFlood>();
  }
  NeighborSlot slot;
  const Neighbor* neighbor = worker.tables().neighbors.find(context.vni, destination, slot);
  if (neighbor == nullptr) [[unlikely]] {
    return drop(DropReason::destination_mac_unknown);
  }
  if (neighbor->port == context.ingress->index) [[unlikely]] {
    return drop(DropReason::destination_is_source);
  }
  if (context.headers.kind == FrameHeaders::Kind::kArp || context.headers.is_nd) [[unlikely]] {
    return forward_to<Next>(*neighbor, context);  // no policy holds for address resolution
  }
  return connect_to<Next>(*neighbor, slot, packet, context);
}

std::uint16_t BridgeNode::process(rte_graph* graph, rte_node* node, void** packets,
                                  std::uint16_t count) {
  return process_burst<BridgeNode>(graph, node, packets, count);
}

}  // namespace alkaid
