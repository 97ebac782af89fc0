#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Answers neighbor solicitations for our VTEP and our link-local address, and passes on what
// others' solicitations and advertisements tell (RFC 4861).
struct UnderlayNdNode {
  static constexpr NodeId kId = NodeId::kUnderlayNd;
  static constexpr const char* kDescription =
      "answers neighbor discovery for the VTEP, learns next hops";
  using Next = NextNodes<NodeId::kConsume, NodeId::kPortTx, NodeId::kExceptionOutput>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
