#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Serves DHCPv4 to guests (RFC 2131).
struct DhcpNode {
  static constexpr NodeId kId = NodeId::kDhcp;
  static constexpr const char* kDescription = "answers guests' DHCPv4 messages";
  using Next = NextNodes<NodeId::kConsume, NodeId::kPortTx, NodeId::kBridge>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
