#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers neighbor solicitations (RFC 4861, 7.2.4): a guest's for its gateway and for its
// neighbors, local and remote, and defends their addresses against duplicates (RFC 4862, 5.4.3);
// those from the wire (of peers that ask by multicast) for the gateway, while what they ask about a
// station of this host is for the station to answer.
struct NdNode {
  static constexpr NodeId kId = NodeId::kNd;
  static constexpr const char* kDescription = "answers neighbor solicitations";
  using Next = NextNodes<NodeId::kConsume, NodeId::kBridge, NodeId::kFlood, NodeId::kDeliver,
                         NodeId::kEncapsulate, NodeId::kPortTx, NodeId::kAwaitNeighbor>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
