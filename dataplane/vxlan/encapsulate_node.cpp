#include "dataplane/vxlan/encapsulate_node.hpp"

#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/packet/mss_clamp.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/vxlan/entropy.hpp"
#include "dataplane/vxlan/outer_header.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

std::uint8_t inner_ecn(rte_mbuf* packet, const FrameHeaders& headers) {
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4:
      return ecn_of(header_at<Ipv4Header>(packet, headers.l3_offset));
    case FrameHeaders::Kind::kIpv6:
      return ecn_of(header_at<Ipv6Header>(packet, headers.l3_offset));
    case FrameHeaders::Kind::kArp:
      break;
  }
  return kEcnNotCapable;
}

// Whether the outer packet may be cut: a router could do that to the inner one itself.
bool may_be_fragmented(const Underlay& underlay, rte_mbuf* packet, const FrameHeaders& headers) {
  return underlay.fragments_outside && headers.kind == FrameHeaders::Kind::kIpv4 &&
         (header_at<Ipv4Header>(packet, headers.l3_offset).flags_offset.host() &
          Ipv4Header::kDontFragment) == 0;
}

std::uint32_t outer_header_length(const Tunnel& tunnel) {
  return tunnel.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4);
}

}  // namespace

Verdict EncapsulateNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const PortIndex uplink_index = worker.underlay().uplink.load(std::memory_order_acquire);
  const Port* uplink = worker.ports().find(uplink_index);
  if (uplink == nullptr) [[unlikely]] {
    return drop(DropReason::underlay_unavailable);
  }
  const Tunnel& tunnel = *context.tunnel;
  const LinkChoice* link = tunnel.path->choice.load(std::memory_order_acquire);
  if (link == nullptr) [[unlikely]] {
    return drop(DropReason::next_hop_unresolved);
  }
  const std::uint32_t header_length = outer_header_length(tunnel);
  OuterFields outer{.length = packet->pkt_len + header_length};
  const bool is_too_big = outer.length > uplink->mtu;
  if (is_too_big && !may_be_fragmented(worker.underlay(), packet, context.headers)) [[unlikely]] {
    return reject<Next>(context, DropReason::underlay_too_big,
                        static_cast<std::uint16_t>(uplink->mtu - tunnel.mtu_overhead()));
  }
  if (context.headers.protocol == ip_protocol::kTcp && worker.underlay().mss_clamp_overhead != 0)
      [[unlikely]] {
    clamp_mss(bytes_of(packet), context.headers,
              static_cast<std::uint16_t>(uplink->mtu - worker.underlay().mss_clamp_overhead));
  }
  outer.ecn = inner_ecn(packet, context.headers);
  outer.entropy = flow_entropy(bytes_of(packet), context.headers);
  if (rte_pktmbuf_headroom(packet) < link->header_length + header_length) [[unlikely]] {
    return drop(DropReason::no_buffer);
  }
  put_outer_headers(packet, tunnel, *link, outer, worker.underlay().udp6_zero_checksum);
  context.egress = uplink_index;
  if (is_too_big) [[unlikely]] {
    context.headers.l3_offset = link->header_length;
    return Next::to<NodeId::kFragment>();
  }
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t EncapsulateNode::process(rte_graph* graph, rte_node* node, void** packets,
                                       std::uint16_t count) {
  return process_burst<EncapsulateNode>(graph, node, packets, count);
}

}  // namespace alkaid
