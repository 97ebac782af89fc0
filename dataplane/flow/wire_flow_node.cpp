#include "dataplane/flow/wire_flow_node.hpp"

#include <algorithm>

#include "dataplane/flow/flow_burst.hpp"
#include "dataplane/flow/hit_forwarding.hpp"
#include "dataplane/flow/quick_parse.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

struct OuterV4 {
  EthernetHeader ethernet;
  TunnelHeaderV4 tunnel;
};
static_assert(sizeof(OuterV4) == 50);

// Whether tunnel packets to us can be plain.
bool has_plain_tunnels(const Underlay& underlay) {
  return !underlay.vtep_v4.is_zero() && underlay.format.vlan == 0;
}

// A VXLAN packet over IPv4 to our endpoint as other hosts send it: no options, no tag, no UDP
// checksum. Everything else is the slow path's business.
bool is_plain_tunnel(rte_mbuf* packet, const OuterV4& outer, const Underlay& underlay) {
  const Ipv4Header& ip = outer.tunnel.ip;
  const UdpHeader& udp = outer.tunnel.udp;
  const std::size_t ip_length = ip.total_length.host();
  const bool is_ours = outer.ethernet.destination == context_of(packet).ingress->mac &&
                       outer.ethernet.source.is_unicast() &&
                       outer.ethernet.type == BigEndian16{ether_type::kIpv4} &&
                       ip.destination == underlay.vtep_v4 && has_plain_tunnels(underlay);
  const bool is_vxlan =
      ip.version_ihl == 0x45 && ip.protocol == ip_protocol::kUdp && !ip.is_fragment() &&
      udp.destination_port == BigEndian16{underlay.format.vxlan_port} && udp.checksum.raw() == 0 &&
      outer.tunnel.vxlan.flags == VxlanHeader::kVniPresent;
  // Padding behind the packet would have to be cut.
  const bool is_whole = sizeof(EthernetHeader) + ip_length == packet->pkt_len &&
                        udp.length.host() == ip_length - sizeof(Ipv4Header);
  return is_ours && is_vxlan && is_whole &&
         checksum_fold(checksum_add_header(0, &ip, sizeof(ip))) == 0xffff;
}

// Nothing of the outer header's congestion marks has to be carried over (RFC 6040).
bool keeps_ecn(std::uint8_t outer_tos, std::uint8_t inner) {
  const std::uint8_t outer = outer_tos & kEcnMask;
  return outer == 0 || outer == inner;
}

// What is inside a plain tunnel packet; the slow path gets what is added to neither. inner: where
// it begins. tos: of the outer header.
void add(FlowBurst<FlowKeyV4>& v4, FlowBurst<FlowKeyV6>& v6, rte_mbuf* packet, std::size_t inner,
         std::uint16_t position, Zone zone, std::uint8_t tos) {
  auto* front = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, inner);
  const FrameBytes frame{front, packet->data_len - inner, packet->pkt_len - inner};
  const BigEndian16 type = frame.at<EthernetHeader>(0).type;
  if (type == BigEndian16{ether_type::kIpv4}) [[likely]] {
    FlowKeyV4 key;
    if (quick_parse(frame, key) &&
        keeps_ecn(tos, ecn_of(frame.at<Ipv4Header>(sizeof(EthernetHeader))))) [[likely]] {
      v4.add(packet, front, position, key, zone, Side::kUnderlay);
    }
  } else if (type == BigEndian16{ether_type::kIpv6}) {
    FlowKeyV6 key;
    if (quick_parse(frame, key) &&
        keeps_ecn(tos, ecn_of(frame.at<Ipv6Header>(sizeof(EthernetHeader))))) [[likely]] {
      v6.add(packet, front, position, key, zone, Side::kUnderlay);
    }
  }
}

}  // namespace

bool WireFlowNode::would_take(Worker& worker, rte_mbuf* packet, Vni vni) {
  const Zone zone = worker.tables().segments.zone_of(vni);
  if (zone == kNoZone || !has_plain_tunnels(worker.underlay()) ||
      packet->data_len < sizeof(EthernetHeader)) {
    return false;
  }
  FlowBurst<FlowKeyV4> v4(worker.flows(), worker.tables().neighbors);
  FlowBurst<FlowKeyV6> v6(worker.flows(), worker.tables().neighbors);
  add(v4, v6, packet, 0, 0, zone, 0);
  const HitForwarding forwarding(worker, 0);
  bool is_taken = false;
  const auto look = [&](const auto& lane) { is_taken = forwarding.would_take_from_wire(lane); };
  v4.run(kUnderlayPort, look);
  v6.run(kUnderlayPort, look);
  return is_taken;
}

std::uint16_t WireFlowNode::process(rte_graph* graph, rte_node* node, void** packets,
                                    std::uint16_t count) {
  Worker& worker = worker_of(node);
  const Underlay& underlay = worker.underlay();
  const SegmentTable& segments = worker.tables().segments;
  const NeighborTable& neighbors = worker.tables().neighbors;
  const auto prefetch = [&](std::uint16_t i) {
    auto* bytes = rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[i]), std::uint8_t*);
    rte_prefetch0(bytes);
    rte_prefetch0(bytes + RTE_CACHE_LINE_SIZE);
  };
  rte_edge_t edges[kFlowBurst];
  for (std::uint16_t base = 0; base < count; base += kFlowBurst) {
    const std::uint16_t size = std::min<std::uint16_t>(kFlowBurst, count - base);
    FlowBurst<FlowKeyV4> v4(worker.flows(), neighbors);
    FlowBurst<FlowKeyV6> v6(worker.flows(), neighbors);
    for (std::uint16_t i = 0; i < std::min(kPrefetchAhead, size); ++i) {
      prefetch(base + i);
    }
    for (std::uint16_t i = 0; i < size; ++i) {
      if (base + i + kPrefetchAhead < count) {
        prefetch(base + i + kPrefetchAhead);
      }
      auto* packet = static_cast<rte_mbuf*>(packets[base + i]);
      edges[i] = Next::to<NodeId::kUnderlayInput>().edge();
      if (packet->data_len < sizeof(OuterV4) + sizeof(EthernetHeader) + sizeof(Ipv4Header))
          [[unlikely]] {
        continue;
      }
      const auto& outer = header_at<OuterV4>(packet, 0);
      if (!is_plain_tunnel(packet, outer, underlay)) [[unlikely]] {
        continue;
      }
      const Zone zone = segments.zone_of(Vni::from_trusted(outer.tunnel.vxlan.vni()));
      if (zone == kNoZone) [[unlikely]] {
        continue;
      }
      add(v4, v6, packet, sizeof(OuterV4), i, zone, outer.tunnel.ip.tos);
    }
    HitForwarding forwarding(worker, worker.now());
    const auto forward = [&](auto& lane) {
      if (forwarding.from_wire(lane, sizeof(OuterV4))) [[likely]] {
        edges[lane.position] = Next::to<NodeId::kPortTx>().edge();
      }
    };
    v4.run(kUnderlayPort, forward);
    v6.run(kUnderlayPort, forward);
    leave_fast_path(packets + base, edges, size, Next::to<NodeId::kUnderlayInput>().edge());
    enqueue_runs(graph, node, packets + base, edges, size);
  }
  return count;
}

}  // namespace alkaid
