#include "dataplane/icmp/icmp_error_node.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

// RFC 792, with RFC 1191's next-hop MTU in the second half of the unused word.
struct IcmpErrorHeader {
  std::uint8_t type;
  std::uint8_t code;
  BigEndian16 checksum;
  BigEndian16 unused;
  BigEndian16 mtu;
};
static_assert(sizeof(IcmpErrorHeader) == 8);

constexpr std::uint8_t kDestinationUnreachable = 3;
constexpr std::uint8_t kTimeExceeded = 11;
constexpr std::uint8_t kNetUnreachable = 0;
constexpr std::uint8_t kHostUnreachable = 1;
constexpr std::uint8_t kFragmentationNeeded = 4;
constexpr std::uint8_t kErrorTtl = 64;
// RFC 1812, 4.3.2.3: as much of the packet as fits into 576 bytes of error.
constexpr std::size_t kLargestQuote = 576 - sizeof(Ipv4Header) - sizeof(IcmpErrorHeader);

struct TypeAndCode {
  std::uint8_t type;
  std::uint8_t code;
};

std::optional<TypeAndCode> error_of(DropReason reason) {
  switch (reason) {
    case DropReason::ttl_exceeded:
      return TypeAndCode{kTimeExceeded, 0};
    case DropReason::not_routed:
    case DropReason::route_missing:
      return TypeAndCode{kDestinationUnreachable, kNetUnreachable};
    case DropReason::neighbor_unknown:
      return TypeAndCode{kDestinationUnreachable, kHostUnreachable};
    case DropReason::underlay_too_big:
    case DropReason::egress_too_big:
      return TypeAndCode{kDestinationUnreachable, kFragmentationNeeded};
    default:
      return std::nullopt;
  }
}

// RFC 1812, 4.3.2.7: no error about an error, a later fragment, a group destination, or a source
// that is no single host.
bool may_be_answered(rte_mbuf* packet, const PacketContext& context, DropReason reason) {
  const FrameHeaders& headers = context.headers;
  if (context.from_wire || headers.kind != FrameHeaders::Kind::kIpv4 || headers.l4_offset == 0) {
    return false;
  }
  const auto& ethernet = header_at<EthernetHeader>(packet, 0);
  const auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
  if (ethernet.destination.is_multicast() || ip.destination.is_multicast() ||
      ip.destination.is_broadcast() || !ip.source.is_host_address()) {
    return false;
  }
  const bool is_too_big =
      reason == DropReason::underlay_too_big || reason == DropReason::egress_too_big;
  if (is_too_big && (ip.flags_offset.host() & Ipv4Header::kDontFragment) == 0) {
    return false;
  }
  if (headers.protocol != ip_protocol::kIcmp) {
    return true;
  }
  const std::uint8_t type = header_at<IcmpEchoHeader>(packet, headers.l4_offset).type;
  return type == IcmpEchoHeader::kEchoRequest || type == IcmpEchoHeader::kEchoReply;
}

}  // namespace

Verdict IcmpErrorNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const DropReason reason = context.drop_reason;
  const auto error = error_of(reason);
  if (!error || !may_be_answered(packet, context, reason)) {
    return drop(reason);
  }
  // The guest's own segment: a routed packet's context may already name the next one.
  const Segment* segment = worker.tables().segments.at(context.ingress->zone);
  if (segment == nullptr || segment->gateway_v4_mac.is_zero() || !worker.take_icmp_error_token()) {
    return drop(reason);
  }
  const FrameHeaders& headers = context.headers;
  const std::size_t quoted = std::min<std::size_t>(
      {kLargestQuote, static_cast<std::size_t>(headers.l3_end - headers.l3_offset),
       static_cast<std::size_t>(packet->data_len - headers.l3_offset)});
  const Ipv4Address source = header_at<Ipv4Header>(packet, headers.l3_offset).source;
  constexpr std::uint16_t kNewHeaders = sizeof(Ipv4Header) + sizeof(IcmpErrorHeader);
  rte_pktmbuf_trim(packet,
                   static_cast<std::uint16_t>(packet->pkt_len - headers.l3_offset - quoted));
  if (packet->nb_segs != 1 || rte_pktmbuf_prepend(packet, kNewHeaders) == nullptr) {
    return drop(reason);
  }
  auto& ethernet = header_at<EthernetHeader>(packet, 0);
  ethernet.destination = context.ingress->mac;
  ethernet.source = segment->gateway_v4_mac;
  ethernet.type = BigEndian16{ether_type::kIpv4};
  auto& ip = header_at<Ipv4Header>(packet, sizeof(EthernetHeader));
  ip = Ipv4Header{};
  ip.version_ihl = 0x45;
  ip.tos = 0xc0;  // RFC 1812, 4.3.2.5: internetwork control
  ip.total_length = BigEndian16{static_cast<std::uint16_t>(kNewHeaders + quoted)};
  ip.ttl = kErrorTtl;
  ip.protocol = ip_protocol::kIcmp;
  ip.source = segment->gateway_v4;
  ip.destination = source;
  ipv4_checksum_set(ip);
  auto& icmp = header_at<IcmpErrorHeader>(packet, sizeof(EthernetHeader) + sizeof(Ipv4Header));
  icmp = IcmpErrorHeader{error->type, error->code, {}, {}, BigEndian16{context.mtu}};
  icmp.checksum = checksum_finish(checksum_add(0, &icmp, sizeof(icmp) + quoted));
  worker.counters_of(context.ingress).drops[static_cast<std::size_t>(reason)].add(1);
  context.egress = context.ingress->index;
  return Next::to<NodeId::kPortTx>();
}

std::uint16_t IcmpErrorNode::process(rte_graph* graph, rte_node* node, void** packets,
                                     std::uint16_t count) {
  return process_burst<IcmpErrorNode>(graph, node, packets, count);
}

}  // namespace alkaid
