#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Puts the prepared outer headers in front of a packet (RFC 7348) with the flow's entropy in the
// UDP source port.
struct EncapsulateNode {
  static constexpr NodeId kId = NodeId::kEncapsulate;
  static constexpr const char* kDescription = "puts VXLAN headers on";
  using Next = NextNodes<NodeId::kIcmpError, NodeId::kPortTx, NodeId::kFragment>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
