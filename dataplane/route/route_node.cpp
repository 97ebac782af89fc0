#include "dataplane/route/route_node.hpp"

#include "dataplane/bridge/forward.hpp"
#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/on_demand/await.hpp"
#include "dataplane/route/family.hpp"
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
template <class Family>
Verdict forward_remote(rte_mbuf* packet, PacketContext& context, typename Family::Header& ip,
                       const Route& route) {
  using Next = RouteNode::Next;
  if (context.from_wire) [[unlikely]] {
    return drop(DropReason::vxlan_not_local);
  }
  if (Family::hops_left(ip) <= 1) [[unlikely]] {
    return reject<Next>(context, DropReason::ttl_exceeded);
  }
  Family::take_hop(ip);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  ethernet.destination = route.remote_mac;
  ethernet.source = context.segment->host_dvr_mac;
  context.vni = route.tunnel->vni;
  context.tunnel = route.tunnel;
  return Next::to<NodeId::kConnect>();
}

template <class Family>
Verdict route_packet(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  using Next = RouteNode::Next;
  const Tables& tables = worker.tables();
  const Segment& source = *context.segment;
  auto& ip = header_at<typename Family::Header>(packet, context.headers.l3_offset);
  const typename Family::Address destination = Family::destination(ip);
  if (is_gateway_address(source, destination)) {
    return Next::to<NodeId::kGateway>();
  }
  if (Family::is_confined(ip)) [[unlikely]] {
    return reject<Next>(context, DropReason::beyond_scope);
  }
  if (source.routes == nullptr && source.own_routes == nullptr) [[unlikely]] {
    return reject<Next>(context, DropReason::not_routed);
  }
  const Hop hop = find_hop(tables, source, destination);
  if (hop.reason != DropReason::kNone) [[unlikely]] {
    return reject<Next>(context, hop.reason);
  }
  if (hop.remote != nullptr) [[unlikely]] {
    return forward_remote<Family>(packet, context, ip, *hop.remote);
  }
  if (is_gateway_address(*hop.segment, destination)) {
    return Next::to<NodeId::kGateway>();
  }
  NeighborSlot slot;
  const Neighbor* neighbor = tables.neighbors.find(hop.segment->config.vni, hop.address, slot);
  const AwaitedAddress awaited{.ip = hop.address, .vni = hop.segment->config.vni};
  if (neighbor == nullptr) [[unlikely]] {
    return may_await(worker, context) ? await<Next>(worker, packet, context, awaited)
                                      : reject<Next>(context, DropReason::neighbor_unknown);
  }
  if (must_queue(worker, context, awaited)) [[unlikely]] {
    return await<Next>(worker, packet, context, awaited);
  }
  if (Family::hops_left(ip) <= 1) [[unlikely]] {
    return reject<Next>(context, DropReason::ttl_exceeded);
  }
  Family::take_hop(ip);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  ethernet.destination = neighbor->mac();
  // On the wire the host's own router MAC, which the receiving host turns into its gateway's: the
  // gateway's MAC must not appear to move between hosts.
  const MacAddress& gateway_mac = Family::gateway_mac(*hop.segment);
  ethernet.source =
      neighbor->is_local() && !gateway_mac.is_zero() ? gateway_mac : hop.segment->host_dvr_mac;
  context.segment = hop.segment;
  context.vni = hop.segment->config.vni;
  flow_context_of(packet).is_routed = true;
  return connect_to<Next>(*neighbor, slot, packet, context);
}

}  // namespace

Verdict RouteNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  // ARP to the gateway's MAC does not come here.
  return context.headers.kind == FrameHeaders::Kind::kIpv4
             ? route_packet<Ipv4Family>(worker, packet, context)
             : route_packet<Ipv6Family>(worker, packet, context);
}

std::uint16_t RouteNode::process(rte_graph* graph, rte_node* node, void** packets,
                                 std::uint16_t count) {
  return process_burst<RouteNode>(graph, node, packets, count);
}

}  // namespace alkaid
