#include "dataplane/vxlan/decapsulate_node.hpp"

#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// RFC 6040, figure 4, for an outer header that says "congestion experienced": the inner packet
// takes the mark over; one that can't carry it must be dropped. False: drop.
bool mark_congestion(rte_mbuf* packet, const FrameHeaders& headers) {
  if (headers.kind == FrameHeaders::Kind::kIpv4) {
    auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
    if ((ip.tos & kEcnMask) == kEcnNotCapable) {
      return false;
    }
    set_ecn(ip, kEcnCongested);
  } else if (headers.kind == FrameHeaders::Kind::kIpv6) {
    auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
    if (ecn_of(ip) == kEcnNotCapable) {
      return false;
    }
    set_ecn(ip, kEcnCongested);
  }
  return true;
}

}  // namespace

Verdict DecapsulateNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Segment* segment = worker.tables().segments.find(context.vni);
  if (segment == nullptr) [[unlikely]] {
    return drop(DropReason::vxlan_vni_unknown);
  }
  context.segment = segment;
  context.from_wire = true;
  rte_pktmbuf_adj(packet, context.inner_offset);
  FrameHeaders& headers = context.headers;
  const DropReason malformed = parse_frame(bytes_of(packet), packet->pkt_len, headers);
  if (malformed != DropReason::kNone) [[unlikely]] {
    return drop(malformed);
  }
  if (context.ingress->device.partial_checksums) {
    complete_partial_checksum(bytes_of(packet), headers);
  }
  if ((context.outer_tos & kEcnMask) == kEcnCongested && !mark_congestion(packet, headers)) {
    return drop(DropReason::ecn_not_capable);
  }
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  const bool is_routed =
      has_host_dvr_prefix(ethernet.source) || ethernet.source == segment->host_dvr_mac;
  if (is_routed && !segment->gateway_v4_mac.is_zero()) {
    ethernet.source = segment->gateway_v4_mac;
  }
  if (headers.kind == FrameHeaders::Kind::kArp) {
    const auto& arp = header_at<ArpHeader>(packet, headers.l3_offset);
    if (ethernet.destination.is_unicast()) {
      return Next::to<NodeId::kBridge>();
    }
    // A broadcast request of a peer that does not answer ARP itself: only the target need hear it.
    const Neighbor* target = worker.tables().neighbors.find(context.vni, arp.target_ip);
    if (target == nullptr || !target->is_local()) {
      return drop(DropReason::arp_target_unknown);
    }
    context.egress = target->port;
    return Next::to<NodeId::kDeliver>();
  }
  if (ethernet.destination == segment->gateway_v4_mac && !ethernet.destination.is_zero()) {
    return Next::to<NodeId::kRoute>();
  }
  return Next::to<NodeId::kBridge>();
}

std::uint16_t DecapsulateNode::process(rte_graph* graph, rte_node* node, void** packets,
                                       std::uint16_t count) {
  return process_burst<DecapsulateNode>(graph, node, packets, count);
}

}  // namespace alkaid
