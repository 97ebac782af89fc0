#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Source: polls the receive queues on the worker's published list.
struct PortRxNode {
  static constexpr NodeId kId = NodeId::kPortRx;
  static constexpr const char* kDescription = "polls the ports' receive queues";
  using Next = NextNodes<NodeId::kGuestFlow, NodeId::kWireFlow, NodeId::kGuestInput,
                         NodeId::kExceptionInput, NodeId::kUnderlayInput, NodeId::kVlanInput>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
