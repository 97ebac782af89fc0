#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Forwards between the segments of a distributed router.
struct RouteNode {
  static constexpr NodeId kId = NodeId::kRoute;
  static constexpr const char* kDescription = "routes between subnets";
  using Next =
      NextNodes<NodeId::kGateway, NodeId::kIcmpError, NodeId::kAwaitNeighbor, NodeId::kConnect>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
