#pragma once

#include "dataplane/graph/node.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// Sends packets to the ports that their contexts name. A transmit queue has one writer: where a
// device has fewer of them than there are workers, packets are handed over to the one that has it.
struct PortTxNode {
  static constexpr NodeId kId = NodeId::kPortTx;
  static constexpr const char* kDescription = "sends packets to their egress ports";
  using Next = NextNodes<NodeId::kVlanOutput>;
  // Whether packets can leave by the port; nullptr: it is gone.
  static bool can_send(const Port* port) { return port != nullptr && port->attached; }
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
