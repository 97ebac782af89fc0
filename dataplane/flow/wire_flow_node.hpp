#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// The fast path of what comes out of tunnels: packets of known connections leave from here.
struct WireFlowNode {
  static constexpr NodeId kId = NodeId::kWireFlow;
  static constexpr const char* kDescription = "delivers tunnelled packets of known connections";
  using Next = NextNodes<NodeId::kUnderlayInput, NodeId::kPortTx>;
  // Whether the packet, the tenant's frame in it, would leave from here now if it came out of a
  // tunnel of its family's kind; nothing is changed. Any thread.
  static bool would_take(Worker& worker, rte_mbuf* packet, Vni vni);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
