#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// The fast path of what guests send: packets of known connections leave from here.
struct GuestFlowNode {
  static constexpr NodeId kId = NodeId::kGuestFlow;
  static constexpr const char* kDescription = "forwards guests' packets of known connections";
  using Next = NextNodes<NodeId::kGuestInput, NodeId::kPortTx>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
