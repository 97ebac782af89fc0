#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Puts fragments of outer packets to our tunnel endpoints together; whole packets start over at
// `underlay-input`. Only where that is configured. headers.l3_offset of the context is the outer IP
// header's.
struct ReassembleNode {
  static constexpr NodeId kId = NodeId::kReassemble;
  static constexpr const char* kDescription = "puts outer fragments together";
  using Next = NextNodes<NodeId::kUnderlayInput>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
