#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Packets to the gateway's own address: answers ICMP echo (RFC 792, 4443) of guests and of stations
// on other hosts, and tells guests that no UDP port is open.
struct GatewayNode {
  static constexpr NodeId kId = NodeId::kGateway;
  static constexpr const char* kDescription = "answers ICMP echo to the gateway";
  using Next = NextNodes<NodeId::kIcmpError, NodeId::kEncapsulate, NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
