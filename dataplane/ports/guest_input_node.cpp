#include "dataplane/ports/guest_input_node.hpp"

#include <optional>

#include "dataplane/dhcpv6/dhcpv6_node.hpp"
#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/route/gateway_address.hpp"
#include "dataplane/route/ipv6_input.hpp"
#include "dataplane/route/route_or_bridge.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// Broadcast, or renewed at the server identifier that we give. A tenant's own server elsewhere is
// reached like any other station.
bool is_for_our_dhcp_server(rte_mbuf* packet, const EthernetHeader& ethernet,
                            const FrameHeaders& headers, const Segment& segment) {
  return ethernet.destination.is_multicast() ||
         header_at<Ipv4Header>(packet, headers.l3_offset).destination == segment.gateway_v4;
}

// What the host answers of DHCPv6 and router discovery; the headers say that it is one of them, or
// other neighbor discovery.
std::optional<Verdict> ipv6_service(rte_mbuf* packet, const FrameHeaders& headers,
                                    const Segment& segment) {
  using Next = GuestInputNode::Next;
  if (headers.is_dhcpv6_client) {
    const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
    return is_for_our_dhcpv6_server(ip, segment) ? std::optional{Next::to<NodeId::kDhcpv6>()}
                                                 : std::nullopt;
  }
  const auto type = header_at<std::uint8_t>(packet, headers.l4_offset);
  return type == icmpv6_type::kRouterSolicitation
             ? std::optional{Next::to<NodeId::kRouterAdvertisement>()}
             : std::nullopt;
}

// Most packets come from the port's MAC and its first IPv4 address; the rest takes the long way.
DropReason check_source(const Port& port, const Segment& segment, rte_mbuf* packet,
                        const FrameHeaders& headers) {
  if (headers.kind == FrameHeaders::Kind::kIpv4 &&
      headers.source_port != BigEndian16{udp_port::kDhcpServer} &&
      header_at<Ipv4Header>(packet, headers.l3_offset).source == port.guarded_v4 &&
      !port.guarded_v4.is_zero() && header_at<EthernetHeader>(packet, 0).source == port.mac)
      [[likely]] {
    return DropReason::kNone;
  }
  return port.source_guard->check(bytes_of(packet), headers,
                                  {segment.gateway_v6, link_local_address(router_mac_v6(segment))});
}

}  // namespace

Verdict GuestInputNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port& port = *context.ingress;
  if (!port.admin_up) [[unlikely]] {
    return drop(DropReason::port_admin_down);
  }
  FrameHeaders& headers = context.headers;
  const DropReason malformed = parse_frame(bytes_of(packet), packet->pkt_len, headers);
  if (malformed != DropReason::kNone) [[unlikely]] {
    return drop(malformed);
  }
  if (is_vhost(port.device.ethdev)) {
    complete_left_checksum(packet, headers);
  } else if (port.device.partial_checksums) {
    complete_partial_checksum(bytes_of(packet), headers);
  }
  const Segment* segment = worker.tables().segments.at(port.zone_of(headers.kind));
  if (segment == nullptr) [[unlikely]] {
    return drop(DropReason::segment_unknown);
  }
  if (port.source_guard != nullptr) {
    const DropReason spoofed = check_source(port, *segment, packet, headers);
    if (spoofed != DropReason::kNone) [[unlikely]] {
      return drop(spoofed);
    }
  }
  context.segment = segment;
  context.vni = port.vni_of(headers.kind);
  if (headers.kind == FrameHeaders::Kind::kArp) {
    return Next::to<NodeId::kArp>();
  }
  begin_flow(packet, port.zone_of(headers.kind));
  const auto& ethernet = header_at<EthernetHeader>(packet, 0);
  if (headers.kind == FrameHeaders::Kind::kIpv6) {
    if (headers.is_dhcpv6_client || headers.is_nd) [[unlikely]] {
      if (const auto service = ipv6_service(packet, headers, *segment)) {
        return *service;
      }
    }
    return classify_ipv6<Next>(ethernet, context);
  }
  if (headers.is_dhcp_client && is_for_our_dhcp_server(packet, ethernet, headers, *segment)) {
    return Next::to<NodeId::kDhcp>();
  }
  if (headers.is_fragment) [[unlikely]] {
    return Next::to<NodeId::kFragmentTracking>();
  }
  return route_or_bridge<Next>(ethernet, segment->gateway_v4_mac);
}

std::uint16_t GuestInputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                      std::uint16_t count) {
  return process_burst<GuestInputNode>(graph, node, packets, count);
}

}  // namespace alkaid
