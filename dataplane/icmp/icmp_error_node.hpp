#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Tells a guest why its packet could not be forwarded (RFC 792, 1191, 1812, 4443): turns the packet
// into the ICMP error, from the gateway's address. The packet counts as dropped for its reason all
// the same.
struct IcmpErrorNode {
  static constexpr NodeId kId = NodeId::kIcmpError;
  static constexpr const char* kDescription = "tells guests why packets were not forwarded";
  using Next = NextNodes<NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

// A node that declares kIcmpError as successor refuses a packet with this instead of drop(): the
// guest is told if the reason has an ICMP error and the packet may be answered by one. mtu: what
// would have fitted, for "too big".
template <class Next>
Verdict reject(PacketContext& context, DropReason reason, std::uint16_t mtu = 0) {
  context.drop_reason = reason;
  context.mtu = mtu;
  return Next::template to<NodeId::kIcmpError>();
}

}  // namespace alkaid
