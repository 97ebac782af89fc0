#include "dataplane/explain/facts.hpp"

#include <variant>

#include <fmt/format.h>

#include "dataplane/tables/segment_table.hpp"
#include "dataplane/vxlan/outer_header.hpp"

namespace alkaid {
namespace {

using Facts = std::vector<std::string>;

IpAddress destination_of(rte_mbuf* packet, const FrameHeaders& headers) {
  return headers.kind == FrameHeaders::Kind::kIpv6
             ? IpAddress{header_at<Ipv6Header>(packet, headers.l3_offset).destination}
             : IpAddress{header_at<Ipv4Header>(packet, headers.l3_offset).destination};
}

std::string port_name(Worker& worker, PortIndex index) {
  const Port* port = worker.ports().find(index);
  return port != nullptr ? port->id : "of a port that is gone";
}

std::string action_text(const RouteConfig& route) {
  struct Visitor {
    std::string operator()(const BlackholeAction& /*action*/) const { return "discard"; }
    std::string operator()(const ConnectedAction& action) const {
      return fmt::format("connected, VNI {}", action.vni.number());
    }
    std::string operator()(const NextHopAction& action) const {
      return fmt::format("next hop {}", action.address.to_string());
    }
    std::string operator()(const RemoteAction& action) const {
      return fmt::format("VTEP {}, VNI {}", action.vtep.to_string(), action.vni.number());
    }
  };
  return std::visit(Visitor{}, route.action);
}

Facts guest_facts(const StageView& view) {
  const Port& port = *view.now.ingress;
  Facts facts{fmt::format("from port {}{}", port.id,
                          port.attached ? "" : ", whose device is not attached")};
  facts.emplace_back(port.source_guard != nullptr ? "source guard on" : "source guard off");
  return facts;
}

Facts bridge_facts(const StageView& view) {
  const MacAddress& mac = header_at<EthernetHeader>(view.packet, 0).destination;
  return {fmt::format("destination {}", mac.to_string())};
}

Facts route_facts(const StageView& view) {
  const Segment& segment = *view.now.segment;
  const IpAddress destination = destination_of(view.packet, view.now.headers);
  const Route* route = view.worker.tables().routes.lookup(segment, destination);
  if (route == nullptr) {
    return {fmt::format("no route to {} from VNI {}", destination.to_string(),
                        segment.config.vni.number())};
  }
  return {fmt::format("route {} of table {:#x}: {}", route->config.key.prefix.to_string(),
                      route->config.key.table, action_text(route->config))};
}

Facts encapsulate_facts(const StageView& view) {
  const Port* uplink =
      view.worker.ports().find(view.worker.underlay().uplink.load(std::memory_order_acquire));
  const Tunnel& tunnel = *view.now.tunnel;
  if (uplink == nullptr) {
    return {};
  }
  const std::size_t length =
      view.packet->pkt_len + (tunnel.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4));
  return {fmt::format("outer packet of {} bytes, the underlay's MTU is {}", length, uplink->mtu)};
}

Facts deliver_facts(const StageView& view) {
  const Port* port = view.worker.ports().find(view.now.egress);
  if (port == nullptr) {
    return {};
  }
  return {fmt::format("to port {}{}, packet of {} bytes, MTU {}", port->id,
                      port->forwards() ? "" : ", which is down or detached",
                      view.packet->pkt_len - sizeof(EthernetHeader), port->mtu)};
}

void add_segment(const StageView& view, Facts& facts) {
  const Segment* segment = view.now.segment;
  facts.push_back(segment == nullptr ? "no segment"
                                     : fmt::format("VNI {}", segment->config.vni.number()));
}

// Where bridging or routing has found the destination.
void add_neighbor(const StageView& view, Facts& facts) {
  const MacAddress& mac = header_at<EthernetHeader>(view.packet, 0).destination;
  if (view.now.egress != kNoPort) {
    facts.push_back(
        fmt::format("{} is port {}", mac.to_string(), port_name(view.worker, view.now.egress)));
  } else if (view.now.tunnel != nullptr) {
    facts.push_back(fmt::format("{} is behind VTEP {}, VNI {}", mac.to_string(),
                                view.now.tunnel->vtep.to_string(), view.now.tunnel->vni.number()));
  }
}

// Read from the frame as it is now.
void add_outer_header(const StageView& view, Facts& facts) {
  if (view.now.egress == kNoPort) {
    return;  // it was refused
  }
  const Tunnel& tunnel = *view.now.tunnel;
  const LinkChoice* link = tunnel.path->choice.load(std::memory_order_acquire);
  if (link == nullptr) {
    return;
  }
  const MacAddress& next_hop = header_at<EthernetHeader>(view.packet, 0).destination;
  const std::size_t offset = link->header_length;
  const UdpHeader& udp = tunnel.is_v6 ? header_at<TunnelHeaderV6>(view.packet, offset).udp
                                      : header_at<TunnelHeaderV4>(view.packet, offset).udp;
  facts.push_back(fmt::format("VXLAN VNI {} to {}, UDP {} to {}, by way of {}", tunnel.vni.number(),
                              tunnel.vtep.to_string(), udp.source_port.host(),
                              udp.destination_port.host(), next_hop.to_string()));
}

}  // namespace

Facts facts_before_node(NodeId node, const StageView& view) {
  switch (node) {
    case NodeId::kGuestInput:
      return guest_facts(view);
    case NodeId::kDecapsulate:
      return {fmt::format("out of a tunnel, VNI {}", view.now.vni.number())};
    case NodeId::kBridge:
      return bridge_facts(view);
    case NodeId::kRoute:
      return route_facts(view);
    case NodeId::kEncapsulate:
      return encapsulate_facts(view);
    case NodeId::kDeliver:
      return deliver_facts(view);
    default:
      return {};
  }
}

void add_facts_after_node(NodeId node, const StageView& view, Facts& facts) {
  switch (node) {
    case NodeId::kGuestInput:
      add_segment(view, facts);
      break;
    case NodeId::kBridge:
    case NodeId::kRoute:
      add_neighbor(view, facts);
      break;
    case NodeId::kEncapsulate:
      add_outer_header(view, facts);
      break;
    default:
      break;
  }
}

}  // namespace alkaid
