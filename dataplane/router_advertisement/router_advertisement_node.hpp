#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers guests' router solicitations (RFC 4861, 6.2.6).
struct RouterAdvertisementNode {
  static constexpr NodeId kId = NodeId::kRouterAdvertisement;
  static constexpr const char* kDescription = "answers guests' router solicitations";
  using Next = NextNodes<NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
