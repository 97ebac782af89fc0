#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// The fast path of what guests send: packets of known connections leave from here.
struct GuestFlowNode {
  static constexpr NodeId kId = NodeId::kGuestFlow;
  static constexpr const char* kDescription = "forwards guests' packets of known connections";
  using Next = NextNodes<NodeId::kGuestInput, NodeId::kPortTx>;
  // Whether the packet would leave from here now; nothing is changed. Any thread.
  static bool would_take(Worker& worker, rte_mbuf* packet);
  // Whether a large packet that a guest left to its device to be cut (left_to_device.hpp) would go
  // as it is to another guest, or to a card that cuts it. The worker's thread.
  static bool would_stay_large(Worker& worker, rte_mbuf* packet);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
