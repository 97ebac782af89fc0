#include "dataplane/route/route_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// Where a routed packet goes: the segment it enters and the address to look up there, or straight
// into a tunnel.
struct Hop {
  const Segment* segment = nullptr;
  IpAddress address;
  const Route* remote = nullptr;
  DropReason reason = DropReason::kNone;
};

Hop connected_hop(const Tables& tables, const Route& route, const IpAddress& address) {
  const Segment* segment = tables.segments.at(route.connected_zone);
  return {.segment = segment,
          .address = address,
          .reason = segment == nullptr ? DropReason::neighbor_unknown : DropReason::kNone};
}

// A next hop is a neighbor in a connected segment, or in the packet's own even if that has no
// router.
Hop next_hop(const Tables& tables, const Segment& source, const IpAddress& address) {
  if (const Route* connected = tables.routes.lookup_connected(source, address)) {
    return connected_hop(tables, *connected, address);
  }
  for (const IpPrefix& prefix : source.config.prefixes) {
    if (prefix.contains(address)) {
      return {.segment = &source, .address = address};
    }
  }
  return {.reason = DropReason::neighbor_unknown};
}

Hop find_hop(const Tables& tables, const Segment& source, const IpAddress& destination) {
  const Route* route = tables.routes.lookup(source, destination);
  if (route == nullptr) [[unlikely]] {
    return {.reason = DropReason::route_missing};
  }
  if (route->is_connected()) [[likely]] {
    return connected_hop(tables, *route, destination);
  }
  if (route->tunnel != nullptr) {
    return {.remote = route};
  }
  if (const auto* via = std::get_if<NextHopAction>(&route->config.action)) {
    return next_hop(tables, source, via->address);
  }
  return {.reason = DropReason::route_blackhole};
}

// Into the route's tunnel. A packet out of a tunnel is never put into another one (forward.hpp).
Verdict forward_remote(rte_mbuf* packet, PacketContext& context, Ipv4Header& ip,
                       const Route& route) {
  using Next = RouteNode::Next;
  if (context.from_wire) [[unlikely]] {
    return drop(DropReason::vxlan_not_local);
  }
  if (ip.ttl <= 1) [[unlikely]] {
    return reject<Next>(context, DropReason::ttl_exceeded);
  }
  ipv4_decrement_ttl(ip);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  ethernet.destination = route.remote_mac;
  ethernet.source = context.segment->host_dvr_mac;
  context.vni = route.tunnel->vni;
  context.tunnel = route.tunnel;
  return Next::to<NodeId::kEncapsulate>();
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
  if (source.routes == nullptr && source.own_routes == nullptr) [[unlikely]] {
    return reject<Next>(context, DropReason::not_routed);
  }
  const Tables& tables = worker.tables();
  const Hop hop = find_hop(tables, source, ip.destination);
  if (hop.reason != DropReason::kNone) [[unlikely]] {
    return reject<Next>(context, hop.reason);
  }
  if (hop.remote != nullptr) [[unlikely]] {
    return forward_remote(packet, context, ip, *hop.remote);
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
