#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers ARP requests for our VTEP and passes on what others' ARP packets tell (RFC 826).
struct UnderlayArpNode {
  static constexpr NodeId kId = NodeId::kUnderlayArp;
  static constexpr const char* kDescription = "answers ARP for the VTEP, learns next hops";
  using Next = NextNodes<NodeId::kConsume, NodeId::kPortTx, NodeId::kExceptionOutput>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
