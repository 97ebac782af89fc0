#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Checks the outer headers of what the uplink received.
struct UnderlayInputNode {
  static constexpr NodeId kId = NodeId::kUnderlayInput;
  static constexpr const char* kDescription =
      "checks the outer headers of received underlay packets";
  using Next = NextNodes<NodeId::kUnderlayArp, NodeId::kUnderlayNd, NodeId::kDecapsulate,
                         NodeId::kExceptionOutput, NodeId::kReassemble>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
