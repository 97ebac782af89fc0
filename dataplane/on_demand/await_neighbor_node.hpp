#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Keeps packets whose neighbor is not known yet, and tells the control thread of the first one for
// each neighbor.
struct AwaitNeighborNode {
  static constexpr NodeId kId = NodeId::kAwaitNeighbor;
  static constexpr const char* kDescription = "keeps packets until their neighbor is known";
  using Next = NextNodes<>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
