#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Source: takes what the control thread originates and what other workers hand over, ready to be
// sent to the egress port that its context names.
struct InjectNode {
  static constexpr NodeId kId = NodeId::kInject;
  static constexpr const char* kDescription =
      "takes packets from the control thread and other workers";
  using Next = NextNodes<NodeId::kPortTx>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
