#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Frees packets that a service has used up: not drops (a DHCP release, a learnt ARP reply).
struct ConsumeNode {
  static constexpr NodeId kId = NodeId::kConsume;
  static constexpr const char* kDescription = "frees messages that were handled and need no answer";
  using Next = NextNodes<>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
