#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Between forwarding's decision and its execution: finds or makes the connection that a packet
// belongs to, and asks the security groups if need be. What it learns lets the packets behind it
// take the fast path.
struct ConnectNode {
  static constexpr NodeId kId = NodeId::kConnect;
  static constexpr const char* kDescription = "tracks connections and asks security groups";
  using Next = NextNodes<NodeId::kDeliver, NodeId::kEncapsulate>;
  // The node's verdict once tracking and policy have said whether the packet may pass.
  static Verdict verdict_of(DropReason reason, const PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
