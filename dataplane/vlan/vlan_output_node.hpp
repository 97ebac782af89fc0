#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Tags packets for guest ports of trunks and sends those of one trunk in one burst, whichever ports
// they go to. Only workers that may send by a trunk have its packets here: that to which it
// belongs, or all if each has a queue of its own.
struct VlanOutputNode {
  static constexpr NodeId kId = NodeId::kVlanOutput;
  static constexpr const char* kDescription = "tags packets for ports of a trunk and sends them";
  using Next = NextNodes<>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
