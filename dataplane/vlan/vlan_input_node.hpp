#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Takes the tag off what a trunk received and finds the guest port whose VLAN it is. From here on
// a packet is like one that came in by a device of the port's own.
struct VlanInputNode {
  static constexpr NodeId kId = NodeId::kVlanInput;
  static constexpr const char* kDescription = "finds the ports of a trunk's packets";
  using Next = NextNodes<NodeId::kGuestFlow, NodeId::kGuestInput>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

}  // namespace alkaid
