#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers ARP requests for the gateway and for neighbors (RFC 826): a guest's for all of them,
// those from the wire (of peers that ask by broadcast) for the gateway; what they ask about a
// station of this host is for the station to answer.
struct ArpNode {
  static constexpr NodeId kId = NodeId::kArp;
  static constexpr const char* kDescription = "answers ARP requests";
  using Next = NextNodes<NodeId::kConsume, NodeId::kBridge, NodeId::kFlood, NodeId::kDeliver,
                         NodeId::kEncapsulate, NodeId::kPortTx, NodeId::kAwaitNeighbor>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
