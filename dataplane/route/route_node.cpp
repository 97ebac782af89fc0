#include "dataplane/route/route_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// Where a routed packet goes: the segment it enters and the address to look up there.
struct Hop {
  const Segment* segment = nullptr;
  Ipv4Address address;
  DropReason reason = DropReason::kNone;
};

Hop connected_hop(const Tables& tables, const Route& route, Ipv4Address address) {
  const Segment* segment = tables.segments.at(route.connected_zone);
  return {segment, address, segment == nullptr ? DropReason::neighbor_unknown : DropReason::kNone};
}

Hop find_hop(const Tables& tables, const RoutingTable& table, Ipv4Address destination) {
  const Route* route = tables.routes.lookup(table, destination);
  if (route == nullptr) {
    return {.reason = DropReason::route_missing};
  }
  if (std::holds_alternative<BlackholeAction>(route->config.action)) {
    return {.reason = DropReason::route_blackhole};
  }
  const auto* via = std::get_if<NextHopAction>(&route->config.action);
  if (via == nullptr) {
    return connected_hop(tables, *route, destination);
  }
  if (!via->address.is_v4()) {
    return {.reason = DropReason::neighbor_unknown};
  }
  // A next hop is a neighbor in a connected segment; it is not itself routed through another.
  const Route* direct = tables.routes.lookup(table, via->address.v4());
  if (direct == nullptr || !std::holds_alternative<ConnectedAction>(direct->config.action)) {
    return {.reason = DropReason::neighbor_unknown};
  }
  return connected_hop(tables, *direct, via->address.v4());
}

}  // namespace

Verdict RouteNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  if (context.headers.kind != FrameHeaders::Kind::kIpv4) [[unlikely]] {
    return drop(DropReason::route_missing);
  }
  const Segment& source = *context.segment;
  auto& ip = header_at<Ipv4Header>(packet, context.headers.l3_offset);
  if (ip.destination == source.gateway_v4) {
    return Next::to<NodeId::kGateway>();
  }
  if (source.routes == nullptr) [[unlikely]] {
    return reject<Next>(context, DropReason::not_routed);
  }
  const Tables& tables = worker.tables();
  const Hop hop = find_hop(tables, *source.routes, ip.destination);
  if (hop.reason != DropReason::kNone) [[unlikely]] {
    return reject<Next>(context, hop.reason);
  }
  if (ip.destination == hop.segment->gateway_v4) {
    return Next::to<NodeId::kGateway>();
  }
  const Neighbor* neighbor = tables.neighbors.find(hop.segment->config.vni, hop.address);
  if (neighbor == nullptr) [[unlikely]] {
    return reject<Next>(context, DropReason::neighbor_unknown);
  }
  if (ip.ttl <= 1) [[unlikely]] {
    return reject<Next>(context, DropReason::ttl_exceeded);
  }
  ipv4_decrement_ttl(ip);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  ethernet.destination = neighbor->mac();
  // On the wire the host's own router MAC, which the receiving host turns into its gateway's: the
  // gateway's MAC must not appear to move between hosts.
  const bool has_gateway = !hop.segment->gateway_v4_mac.is_zero();
  ethernet.source =
      neighbor->is_local() && has_gateway ? hop.segment->gateway_v4_mac : hop.segment->host_dvr_mac;
  context.segment = hop.segment;
  context.vni = hop.segment->config.vni;
  return forward_to<Next>(*neighbor, context);
}

std::uint16_t RouteNode::process(rte_graph* graph, rte_node* node, void** packets,
                                 std::uint16_t count) {
  return process_burst<RouteNode>(graph, node, packets, count);
}

}  // namespace alkaid
