#include "dataplane/underlay/underlay_nd_node.hpp"

#include "dataplane/exception/to_host.hpp"
#include "dataplane/nd/nd_message.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// The message, if all checks of RFC 4861 pass.
std::optional<NdMessage> read(rte_mbuf* packet, PacketContext& context) {
  FrameHeaders& headers = context.headers;
  headers.kind = FrameHeaders::Kind::kIpv6;
  headers.protocol = ip_protocol::kIcmpv6;
  headers.l4_offset = static_cast<std::uint16_t>(headers.l3_offset + sizeof(Ipv6Header));
  if (headers.l3_end < headers.l4_offset + sizeof(IcmpEchoHeader)) {
    return std::nullopt;
  }
  return read_nd_message(bytes_of(packet), headers);
}

// Turns the packet into the advertisement that answers it. False: no room.
bool advertise(rte_mbuf* packet, const PacketContext& context, const NdMessage& question) {
  constexpr std::size_t kUntagged = sizeof(EthernetHeader);
  const std::uint16_t tag_length =
      static_cast<std::uint16_t>(context.headers.l3_offset - kUntagged);
  VlanTag tag{};
  if (tag_length != 0) {
    tag = header_at<VlanTag>(packet, kUntagged);
  }
  const MacAddress asker = header_at<EthernetHeader>(packet, 0).source;
  const MacAddress own_mac = context.ingress->mac;
  const std::size_t size = kNeighborAdvertisementSize + tag_length;
  if (packet->nb_segs != 1 ||
      (packet->pkt_len < size &&
       rte_pktmbuf_append(packet, static_cast<std::uint16_t>(size - packet->pkt_len)) == nullptr)) {
    return false;
  }
  rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->pkt_len - size));
  const bool is_probe = question.is_duplicate_probe();
  const NeighborAdvertisement answer{
      .link_destination = is_probe ? multicast_mac(kAllNodes) : question.link_mac.value_or(asker),
      .mac = own_mac,
      .destination = is_probe ? kAllNodes : question.source,
      .target = question.target,
      .flags = NdNeighborHeader::kOverride | (is_probe ? 0 : NdNeighborHeader::kSolicited)};
  auto* frame = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, tag_length);
  write_neighbor_advertisement(
      std::span<std::uint8_t, kNeighborAdvertisementSize>{frame, kNeighborAdvertisementSize},
      answer);
  if (tag_length != 0) {
    std::memmove(frame - tag_length, frame, 2 * sizeof(MacAddress));
    header_at<EthernetHeader>(packet, 0).type = BigEndian16{ether_type::kVlan};
    header_at<VlanTag>(packet, kUntagged).control = tag.control;
  }
  return true;
}

}  // namespace

Verdict UnderlayNdNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const auto message = read(packet, context);
  if (!message) {
    return drop(DropReason::underlay_nd_malformed);
  }
  const Underlay& underlay = worker.underlay();
  if (underlay.vtep_v6.is_unset()) {
    return to_host<Next>(worker, packet, context, drop(DropReason::underlay_nd_unexpected));
  }
  if (message->type == icmpv6_type::kNeighborAdvertisement) {
    // An answer that came straight to us may leave the address out (RFC 4861, 4.4).
    const MacAddress mac = message->link_mac.value_or(header_at<EthernetHeader>(packet, 0).source);
    worker.observe({.address = message->target,
                    .mac = mac,
                    .overrides = (message->flags & NdNeighborHeader::kOverride) != 0});
    return to_host<Next>(worker, packet, context, Next::to<NodeId::kConsume>());
  }
  if (message->target != underlay.vtep_v6 &&
      message->target != link_local_address(context.ingress->mac)) {
    return to_host<Next>(worker, packet, context, drop(DropReason::underlay_nd_unexpected));
  }
  if (message->link_mac && !message->source.is_unset()) {
    worker.observe({.address = message->source, .mac = *message->link_mac});
  }
  if (!advertise(packet, context, *message)) {
    return drop(DropReason::no_buffer);
  }
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t UnderlayNdNode::process(rte_graph* graph, rte_node* node, void** packets,
                                      std::uint16_t count) {
  return process_burst<UnderlayNdNode>(graph, node, packets, count);
}

}  // namespace alkaid
