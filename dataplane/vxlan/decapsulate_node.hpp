#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Takes off the outer headers (RFC 7348), parses the inner packet, and restores the gateway's MAC
// where a remote distributed router put its host MAC.
struct DecapsulateNode {
  static constexpr NodeId kId = NodeId::kDecapsulate;
  static constexpr const char* kDescription = "takes VXLAN headers off and parses the inner packet";
  using Next = NextNodes<NodeId::kArp, NodeId::kNd, NodeId::kConsume, NodeId::kFragmentTracking,
                         NodeId::kBridge, NodeId::kRoute>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
