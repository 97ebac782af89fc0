// ICMP errors to guests (RFC 792, 1191, 1812).
#include <algorithm>
#include <optional>

#include "dataplane/icmp/icmp_error_reply.hpp"
#include "dataplane/packet/checksum.hpp"

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
constexpr std::uint8_t kPortUnreachable = 3;
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
    case DropReason::gateway_unsupported:
      return TypeAndCode{kDestinationUnreachable, kPortUnreachable};
    case DropReason::underlay_too_big:
    case DropReason::egress_too_big:
      return TypeAndCode{kDestinationUnreachable, kFragmentationNeeded};
    default:
      return std::nullopt;
  }
}

}  // namespace

bool may_answer_v4(rte_mbuf* packet, const PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  const auto error = error_of(context.drop_reason);
  if (!error || headers.l4_offset == 0) {
    return false;
  }
  const auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
  if (ip.destination.is_multicast() || ip.destination.is_broadcast() ||
      !ip.source.is_host_address()) {
    return false;
  }
  if (error->code == kPortUnreachable && headers.protocol != ip_protocol::kUdp) {
    return false;
  }
  if (error->code == kFragmentationNeeded &&
      (ip.flags_offset.host() & Ipv4Header::kDontFragment) == 0) {
    return false;
  }
  if (headers.protocol != ip_protocol::kIcmp) {
    return true;
  }
  const std::uint8_t type = header_at<IcmpEchoHeader>(packet, headers.l4_offset).type;
  return type == IcmpEchoHeader::kEchoRequest || type == IcmpEchoHeader::kEchoReply;
}

bool turn_into_error_v4(rte_mbuf* packet, const PacketContext& context, const Segment& segment) {
  const FrameHeaders& headers = context.headers;
  const TypeAndCode error = *error_of(context.drop_reason);
  const std::size_t quoted = std::min<std::size_t>(
      {kLargestQuote, static_cast<std::size_t>(headers.l3_end - headers.l3_offset),
       static_cast<std::size_t>(packet->data_len - headers.l3_offset)});
  const Ipv4Header about = header_at<Ipv4Header>(packet, headers.l3_offset);
  const EthernetHeader link = header_at<EthernetHeader>(packet, 0);
  constexpr std::uint16_t kNewHeaders = sizeof(Ipv4Header) + sizeof(IcmpErrorHeader);
  cut_to(packet, static_cast<std::uint16_t>(headers.l3_offset + quoted));
  if (rte_pktmbuf_prepend(packet, kNewHeaders) == nullptr) {
    return false;
  }
  const bool has_gateway = !segment.gateway_v4_mac.is_zero();
  header_at<EthernetHeader>(packet, 0) = {context.ingress->mac,
                                          has_gateway ? segment.gateway_v4_mac : link.destination,
                                          BigEndian16{ether_type::kIpv4}};
  auto& ip = header_at<Ipv4Header>(packet, sizeof(EthernetHeader));
  ip = Ipv4Header{};
  ip.version_ihl = 0x45;
  ip.tos = 0xc0;  // RFC 1812, 4.3.2.5: internetwork control
  ip.total_length = BigEndian16{static_cast<std::uint16_t>(kNewHeaders + quoted)};
  ip.ttl = kErrorTtl;
  ip.protocol = ip_protocol::kIcmp;
  ip.source = has_gateway ? segment.gateway_v4 : about.destination;
  ip.destination = about.source;
  ipv4_checksum_set(ip);
  auto& icmp = header_at<IcmpErrorHeader>(packet, sizeof(EthernetHeader) + sizeof(Ipv4Header));
  icmp = IcmpErrorHeader{error.type, error.code, {}, {}, BigEndian16{context.mtu}};
  icmp.checksum = checksum_finish(checksum_add(0, &icmp, sizeof(icmp) + quoted));
  return true;
}

}  // namespace alkaid
