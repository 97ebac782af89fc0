#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Cuts encapsulated packets that are larger than the underlay's MTU into fragments of the outer IP
// packet (RFC 791, RFC 8200 section 4.5), which the other tunnel end puts together. Only packets
// that may be fragmented and only where that is configured come here. headers.l3_offset of the
// context is the outer IP header's.
struct FragmentNode {
  static constexpr NodeId kId = NodeId::kFragment;
  static constexpr const char* kDescription = "fragments packets too big for the underlay";
  using Next = NextNodes<NodeId::kPortTx>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
