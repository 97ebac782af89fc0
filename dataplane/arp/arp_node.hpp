#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers a guest's ARP requests for its gateway and its neighbors, local and remote (RFC 826).
struct ArpNode {
  static constexpr NodeId kId = NodeId::kArp;
  static constexpr const char* kDescription = "answers guests' ARP requests";
  using Next = NextNodes<NodeId::kConsume, NodeId::kBridge, NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
