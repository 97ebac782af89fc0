#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Broadcast and multicast of a segment that replicates them: head-end replication, one copy to
// every other port of the segment on this host and, unless the packet came out of a tunnel, one to
// every VTEP that has neighbors in it.
struct FloodNode {
  static constexpr NodeId kId = NodeId::kFlood;
  static constexpr const char* kDescription = "replicates broadcast and multicast";
  using Next = NextNodes<NodeId::kConsume, NodeId::kDeliver, NodeId::kEncapsulate>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
