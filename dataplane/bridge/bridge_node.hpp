#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Forwards within a segment by (VNI, destination MAC).
struct BridgeNode {
  static constexpr NodeId kId = NodeId::kBridge;
  static constexpr const char* kDescription = "forwards within a subnet by MAC address";
  using Next = NextNodes<NodeId::kFlood, NodeId::kAwaitNeighbor, NodeId::kConnect, NodeId::kDeliver,
                         NodeId::kEncapsulate>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
