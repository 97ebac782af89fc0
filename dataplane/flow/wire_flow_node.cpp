#include "dataplane/flow/wire_flow_node.hpp"

#include "dataplane/flow/flow_node.hpp"
#include "dataplane/flow/hit_forwarding.hpp"
#include "dataplane/flow/quick_parse.hpp"
#include "dataplane/vxlan/ecn.hpp"

namespace alkaid {
namespace {

using BurstV4 = FlowBurst<FlowKeyV4, Side::kUnderlay>;
using BurstV6 = FlowBurst<FlowKeyV6, Side::kUnderlay>;

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
void add(BurstV4& v4, BurstV6& v6, rte_mbuf* packet, std::size_t inner, std::uint16_t position,
         Zone zone, std::uint8_t tos) {
  auto* front = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, inner);
  const FrameBytes frame{front, packet->data_len - inner, packet->pkt_len - inner};
  const BigEndian16 type = frame.at<EthernetHeader>(0).type;
  if (type == BigEndian16{ether_type::kIpv4}) [[likely]] {
    FlowKeyV4 key;
    if (quick_parse(frame, key) &&
        keeps_ecn(tos, ecn_of(frame.at<Ipv4Header>(sizeof(EthernetHeader))))) [[likely]] {
      v4.add(packet, front, position, key, zone);
    }
  } else if (type == BigEndian16{ether_type::kIpv6}) {
    FlowKeyV6 key;
    if (quick_parse(frame, key) &&
        keeps_ecn(tos, ecn_of(frame.at<Ipv6Header>(sizeof(EthernetHeader))))) [[likely]] {
      v6.add(packet, front, position, key, zone);
    }
  }
}

class WireSteps {
 public:
  explicit WireSteps(Worker& worker)
      : underlay_(worker.underlay()),
        segments_(worker.tables().segments),
        forwarding_(worker, worker.now()) {}

  static void prefetch(rte_mbuf* packet) {
    auto* bytes = rte_pktmbuf_mtod(packet, std::uint8_t*);
    rte_prefetch0(bytes);
    rte_prefetch0(bytes + RTE_CACHE_LINE_SIZE);
  }

  void add(BurstV4& v4, BurstV6& v6, rte_mbuf* packet, std::uint16_t position) const {
    if (packet->data_len < sizeof(OuterV4) + sizeof(EthernetHeader) + sizeof(Ipv4Header))
        [[unlikely]] {
      return;
    }
    const auto& outer = header_at<OuterV4>(packet, 0);
    if (!is_plain_tunnel(packet, outer, underlay_)) [[unlikely]] {
      return;
    }
    const Zone zone = segments_.zone_of(Vni::from_trusted(outer.tunnel.vxlan.vni()));
    if (zone != kNoZone) [[likely]] {
      alkaid::add(v4, v6, packet, sizeof(OuterV4), position, zone, outer.tunnel.ip.tos);
    }
  }

  template <class Key>
  bool forward(FlowLane<Key>& lane) {
    return forwarding_.from_wire(lane, sizeof(OuterV4));
  }

 private:
  const Underlay& underlay_;
  const SegmentTable& segments_;
  HitForwarding forwarding_;
};

}  // namespace

bool WireFlowNode::would_take(Worker& worker, rte_mbuf* packet, Vni vni) {
  const Zone zone = worker.tables().segments.zone_of(vni);
  if (zone == kNoZone || !has_plain_tunnels(worker.underlay()) ||
      packet->data_len < sizeof(EthernetHeader)) {
    return false;
  }
  BurstV4 v4(worker.flows(), worker.tables().neighbors);
  BurstV6 v6(worker.flows(), worker.tables().neighbors);
  add(v4, v6, packet, 0, 0, zone, 0);
  HitForwarding forwarding(worker, 0);
  bool is_taken = false;
  const auto look = [&](const auto& lane) { is_taken = forwarding.would_take_from_wire(lane); };
  v4.finish(look);
  v6.finish(look);
  return is_taken;
}

std::uint16_t WireFlowNode::process(rte_graph* graph, rte_node* node, void** packets,
                                    std::uint16_t count) {
  WireSteps steps(worker_of(node));
  return process_flows<Side::kUnderlay>(graph, node, packets, count,
                                        Next::to<NodeId::kUnderlayInput>().edge(),
                                        Next::to<NodeId::kPortTx>().edge(), steps);
}

}  // namespace alkaid
