// ICMPv6 errors to guests (RFC 4443).
#include <algorithm>
#include <optional>

#include "dataplane/icmp/icmp_error_reply.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"

namespace alkaid {
namespace {

struct Icmpv6ErrorHeader {
  std::uint8_t type;
  std::uint8_t code;
  BigEndian16 checksum;
  BigEndian32 parameter;  // packet too big: the MTU
};
static_assert(sizeof(Icmpv6ErrorHeader) == 8);

constexpr std::uint8_t kNoRoute = 0;
constexpr std::uint8_t kBeyondScope = 2;
constexpr std::uint8_t kAddressUnreachable = 3;
constexpr std::uint8_t kPortUnreachable = 4;
constexpr std::uint8_t kErrorHopLimit = 64;
// RFC 8200, 5: every link carries this much, and so much of a packet is quoted (RFC 4443, 2.4 (c)).
constexpr std::uint16_t kLeastMtu = 1280;
constexpr std::size_t kLargestQuote = kLeastMtu - sizeof(Ipv6Header) - sizeof(Icmpv6ErrorHeader);

struct TypeAndCode {
  std::uint8_t type;
  std::uint8_t code;
};

std::optional<TypeAndCode> error_of(DropReason reason) {
  switch (reason) {
    case DropReason::ttl_exceeded:
      return TypeAndCode{icmpv6_type::kTimeExceeded, 0};
    case DropReason::not_routed:
    case DropReason::route_missing:
      return TypeAndCode{icmpv6_type::kDestinationUnreachable, kNoRoute};
    case DropReason::beyond_scope:
      return TypeAndCode{icmpv6_type::kDestinationUnreachable, kBeyondScope};
    case DropReason::neighbor_unknown:
      return TypeAndCode{icmpv6_type::kDestinationUnreachable, kAddressUnreachable};
    case DropReason::gateway_unsupported:
      return TypeAndCode{icmpv6_type::kDestinationUnreachable, kPortUnreachable};
    case DropReason::underlay_too_big:
    case DropReason::egress_too_big:
      return TypeAndCode{icmpv6_type::kPacketTooBig, 0};
    default:
      return std::nullopt;
  }
}

}  // namespace

bool may_answer_v6(rte_mbuf* packet, const PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  const auto error = error_of(context.drop_reason);
  if (!error || (error->code == kPortUnreachable && headers.protocol != ip_protocol::kUdp)) {
    return false;
  }
  const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
  if (ip.destination[0] == 0xff || IpAddress{ip.source}.is_unset()) {
    return false;
  }
  if (headers.protocol != ip_protocol::kIcmpv6) {
    return true;
  }
  // A later fragment doesn't show what it is part of.
  return headers.l4_offset != 0 && !headers.is_nd &&
         header_at<IcmpEchoHeader>(packet, headers.l4_offset).type >=
             icmpv6_type::kFirstInformational;
}

bool turn_into_error_v6(rte_mbuf* packet, const PacketContext& context, const Segment& segment) {
  const FrameHeaders& headers = context.headers;
  const TypeAndCode error = *error_of(context.drop_reason);
  const std::size_t quoted = std::min<std::size_t>(
      {kLargestQuote, static_cast<std::size_t>(headers.l3_end - headers.l3_offset),
       static_cast<std::size_t>(packet->data_len - headers.l3_offset)});
  const Ipv6Header about = header_at<Ipv6Header>(packet, headers.l3_offset);
  const EthernetHeader link = header_at<EthernetHeader>(packet, 0);
  constexpr std::uint16_t kNewHeaders = sizeof(Ipv6Header) + sizeof(Icmpv6ErrorHeader);
  cut_to(packet, static_cast<std::uint16_t>(headers.l3_offset + quoted));
  if (rte_pktmbuf_prepend(packet, kNewHeaders) == nullptr) {
    return false;
  }
  const bool has_gateway = !segment.gateway_v6_mac.is_zero();
  header_at<EthernetHeader>(packet, 0) = {context.ingress->mac,
                                          has_gateway ? segment.gateway_v6_mac : link.destination,
                                          BigEndian16{ether_type::kIpv6}};
  const auto length = static_cast<std::uint16_t>(sizeof(Icmpv6ErrorHeader) + quoted);
  auto& ip = header_at<Ipv6Header>(packet, sizeof(EthernetHeader));
  ip = {BigEndian32{6U << 28},
        BigEndian16{length},
        ip_protocol::kIcmpv6,
        kErrorHopLimit,
        has_gateway ? segment.gateway_v6.bytes() : about.destination,
        about.source};
  auto& icmp = header_at<Icmpv6ErrorHeader>(packet, sizeof(EthernetHeader) + sizeof(Ipv6Header));
  const std::uint32_t mtu = std::max(context.mtu, kLeastMtu);
  const bool is_too_big = error.type == icmpv6_type::kPacketTooBig;
  icmp = {error.type, error.code, {}, BigEndian32{is_too_big ? mtu : 0}};
  const std::uint64_t sum = ipv6_pseudo_header_sum(ip, ip_protocol::kIcmpv6, length);
  icmp.checksum = checksum_finish(checksum_add(sum, &icmp, length));
  return true;
}

}  // namespace alkaid
