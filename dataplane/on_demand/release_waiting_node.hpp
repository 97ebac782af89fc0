#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Source: packets that have waited for a neighbor take the pipeline again, as if they had just come
// in; fragments from behind the tracking of fragments, which has seen them. They don't wait again.
struct ReleaseWaitingNode {
  static constexpr NodeId kId = NodeId::kReleaseWaiting;
  static constexpr const char* kDescription = "takes packets that have waited for a neighbor";
  using Next = NextNodes<NodeId::kGuestInput, NodeId::kBridge, NodeId::kRoute>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
