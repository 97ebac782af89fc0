#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Hands what the uplink received for others than us to the host's kernel, by the exception TAP.
struct ExceptionOutputNode {
  static constexpr NodeId kId = NodeId::kExceptionOutput;
  static constexpr const char* kDescription = "hands other underlay frames to the host's kernel";
  using Next = NextNodes<NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
