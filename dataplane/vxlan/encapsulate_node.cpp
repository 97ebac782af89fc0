#include "dataplane/vxlan/encapsulate_node.hpp"

#include <cstring>

#include "dataplane/icmp/icmp_error_node.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/vxlan/entropy.hpp"
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

}  // namespace

Verdict EncapsulateNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const PortIndex uplink_index = worker.underlay().uplink.load(std::memory_order_acquire);
  const Port* uplink = worker.ports().find(uplink_index);
  if (uplink == nullptr) [[unlikely]] {
    return drop(DropReason::underlay_unavailable);
  }
  const Tunnel& tunnel = *context.tunnel;
  const EthernetHeader* link = tunnel.next_hop->ethernet.load(std::memory_order_acquire);
  if (link == nullptr) [[unlikely]] {
    return drop(DropReason::next_hop_unresolved);
  }
  const std::uint32_t outer_length = packet->pkt_len + sizeof(TunnelHeaderV4);
  if (outer_length > uplink->mtu) [[unlikely]] {
    return reject<Next>(context, DropReason::underlay_too_big,
                        static_cast<std::uint16_t>(uplink->mtu - kMtuOverheadV4));
  }
  const std::uint8_t ecn = inner_ecn(packet, context.headers);
  const std::uint32_t entropy = flow_entropy(bytes_of(packet), context.headers);
  char* front = rte_pktmbuf_prepend(packet, kEncapsulationV4);
  if (front == nullptr) [[unlikely]] {
    return drop(DropReason::no_buffer);
  }
  std::memcpy(front, link, sizeof(EthernetHeader));
  auto& outer = *reinterpret_cast<TunnelHeaderV4*>(front + sizeof(EthernetHeader));
  std::memcpy(&outer, &tunnel.header, sizeof(outer));
  outer.ip.tos = ecn;
  outer.ip.total_length = BigEndian16{static_cast<std::uint16_t>(outer_length)};
  const std::uint64_t varying =
      static_cast<std::uint64_t>(outer.ip.total_length.raw()) + BigEndian16{ecn}.raw();
  outer.ip.checksum = checksum_finish(tunnel.header_sum + varying);
  outer.udp.source_port = BigEndian16{entropy_port(entropy)};
  outer.udp.length = BigEndian16{static_cast<std::uint16_t>(outer_length - sizeof(Ipv4Header))};
  context.egress = uplink_index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t EncapsulateNode::process(rte_graph* graph, rte_node* node, void** packets,
                                       std::uint16_t count) {
  return process_burst<EncapsulateNode>(graph, node, packets, count);
}

}  // namespace alkaid
