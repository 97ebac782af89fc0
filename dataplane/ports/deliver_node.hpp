#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Last checks of a packet to a guest of this host.
struct DeliverNode {
  static constexpr NodeId kId = NodeId::kDeliver;
  static constexpr const char* kDescription = "checks packets to local guests before they are sent";
  using Next = NextNodes<NodeId::kIcmpError, NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
