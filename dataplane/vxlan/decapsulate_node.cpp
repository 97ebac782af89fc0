#include "dataplane/vxlan/decapsulate_node.hpp"

#include "dataplane/packet/mss_clamp.hpp"
#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/route/ipv6_input.hpp"
#include "dataplane/route/route_or_bridge.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// Combines the inner header's ECN field with the outer one's. False: the packet must be dropped.
template <class IpHeader>
bool combine_ecn(IpHeader& ip, std::uint8_t outer) {
  const std::uint8_t inner = ecn_of(ip);
  const auto combined = decapsulated_ecn(inner, outer);
  if (combined && *combined != inner) {
    set_ecn(ip, *combined);
  }
  return combined.has_value();
}

bool combine_ecn(rte_mbuf* packet, const FrameHeaders& headers, std::uint8_t outer) {
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4:
      return combine_ecn(header_at<Ipv4Header>(packet, headers.l3_offset), outer);
    case FrameHeaders::Kind::kIpv6:
      return combine_ecn(header_at<Ipv6Header>(packet, headers.l3_offset), outer);
    case FrameHeaders::Kind::kArp:
      break;
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
  if (headers.protocol == ip_protocol::kTcp && worker.underlay().mss_clamp_overhead != 0)
      [[unlikely]] {
    clamp_mss(
        bytes_of(packet), headers,
        static_cast<std::uint16_t>(context.ingress->mtu - worker.underlay().mss_clamp_overhead));
  }
  if (!combine_ecn(packet, headers, context.outer_tos & kEcnMask)) [[unlikely]] {
    return drop(DropReason::ecn_not_capable);
  }
  FlowContext& flow = begin_flow(packet, segment->zone);
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  const bool is_routed =
      has_host_dvr_prefix(ethernet.source) || ethernet.source == segment->host_dvr_mac;
  const bool is_ipv6 = headers.kind == FrameHeaders::Kind::kIpv6;
  const MacAddress& gateway_mac = is_ipv6 ? segment->gateway_v6_mac : segment->gateway_v4_mac;
  if (is_routed && !gateway_mac.is_zero()) {
    ethernet.source = gateway_mac;
    flow.restores_source = true;
  }
  if (headers.kind == FrameHeaders::Kind::kArp) {
    return Next::to<NodeId::kArp>();
  }
  if (is_ipv6) {
    return classify_ipv6<Next>(ethernet, context);
  }
  if (headers.is_fragment) [[unlikely]] {
    return Next::to<NodeId::kFragmentTracking>();
  }
  return route_or_bridge<Next>(ethernet, segment->gateway_v4_mac);
}

std::uint16_t DecapsulateNode::process(rte_graph* graph, rte_node* node, void** packets,
                                       std::uint16_t count) {
  return process_burst<DecapsulateNode>(graph, node, packets, count);
}

}  // namespace alkaid
