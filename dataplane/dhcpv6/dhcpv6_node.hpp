#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Serves DHCPv6 to guests (RFC 8415).
struct Dhcpv6Node {
  static constexpr NodeId kId = NodeId::kDhcpv6;
  static constexpr const char* kDescription = "answers guests' DHCPv6 messages";
  using Next = NextNodes<NodeId::kConsume, NodeId::kPortTx>;
  static Verdict decide(Worker& worker, rte_mbuf* packet, PacketContext& context);
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

struct Segment;

// Whether a message of a DHCPv6 client (is_dhcpv6_client) is for us: to ff02::1:2 or to the
// server's own address. A tenant's own server elsewhere is reached like any other station.
[[nodiscard]] bool is_for_our_dhcpv6_server(const Ipv6Header& ip, const Segment& segment);

}  // namespace alkaid
