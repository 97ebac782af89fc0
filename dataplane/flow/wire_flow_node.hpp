#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// The fast path of what comes out of tunnels: packets of known connections leave from here.
struct WireFlowNode {
  static constexpr NodeId kId = NodeId::kWireFlow;
  static constexpr const char* kDescription = "delivers tunnelled packets of known connections";
  using Next = NextNodes<NodeId::kUnderlayInput, NodeId::kPortTx>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
