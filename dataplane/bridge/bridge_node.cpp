#include "dataplane/bridge/bridge_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/on_demand/await.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict BridgeNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const MacAddress& destination = header_at<EthernetHeader>(packet, 0).destination;
  if (destination.is_multicast()) [[unlikely]] {
    return Next::to<NodeId::kFlood>();
  }
  NeighborSlot slot;
  const Neighbor* neighbor = worker.tables().neighbors.find(context.vni, destination, slot);
  const bool is_arp = context.headers.kind == FrameHeaders::Kind::kArp;
  const AwaitedAddress awaited{.vni = context.vni, .mac = destination};
  if (neighbor == nullptr) [[unlikely]] {
    // An answer to a question is of no use later.
    return !is_arp && !context.headers.is_nd && may_await(worker, context)
               ? await<Next>(worker, packet, context, awaited)
               : drop(DropReason::destination_mac_unknown);
  }
  if (must_queue(worker, context, awaited)) [[unlikely]] {
    return await<Next>(worker, packet, context, awaited);
  }
  if (neighbor->port == context.ingress->index) [[unlikely]] {
    return drop(DropReason::destination_is_source);
  }
  if (is_arp || context.headers.is_nd) [[unlikely]] {
    return forward_to<Next>(*neighbor, context);  // no policy holds for address resolution
  }
  return connect_to<Next>(*neighbor, slot, packet, context);
}

std::uint16_t BridgeNode::process(rte_graph* graph, rte_node* node, void** packets,
                                  std::uint16_t count) {
  return process_burst<BridgeNode>(graph, node, packets, count);
}

}  // namespace alkaid
