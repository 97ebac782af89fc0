#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Parses what a guest sent, completes checksums that its kernel left open, and tells local
// services, bridged and routed packets apart.
struct GuestInputNode {
  static constexpr NodeId kId = NodeId::kGuestInput;
  static constexpr const char* kDescription = "parses and classifies what guests send";
  using Next = NextNodes<NodeId::kArp, NodeId::kNd, NodeId::kDhcp, NodeId::kDhcpv6,
                         NodeId::kRouterAdvertisement, NodeId::kConsume, NodeId::kFragmentTracking,
                         NodeId::kBridge, NodeId::kRoute>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
