#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Frees packets and counts them by reason and ingress port.
struct DropNode {
  static constexpr NodeId kId = NodeId::kDrop;
  static constexpr const char* kDescription = "counts dropped packets by reason and port";
  using Next = NextNodes<>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
