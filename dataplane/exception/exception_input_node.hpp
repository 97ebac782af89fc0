#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Sends what the host's kernel put into the exception TAP out of the uplink.
struct ExceptionInputNode {
  static constexpr NodeId kId = NodeId::kExceptionInput;
  static constexpr const char* kDescription = "sends the host's own frames out of the uplink";
  using Next = NextNodes<NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
