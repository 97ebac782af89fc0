#include "dataplane/conntrack/embedded_tuple.hpp"

#include <algorithm>

#include "dataplane/conntrack/icmp_query.hpp"

namespace alkaid {
namespace {

using Bytes = std::span<const std::uint8_t>;

// What is left behind the ICMP header, which is as long for every error.
constexpr std::size_t kIcmpHeader = sizeof(IcmpEchoHeader);
// Of the quoted packet's upper layer, at least.
constexpr std::size_t kQuoted = 8;

template <class Header>
const Header* header_in(Bytes bytes, std::size_t offset = 0) {
  return offset <= bytes.size() && sizeof(Header) <= bytes.size() - offset
             ? reinterpret_cast<const Header*>(bytes.data() + offset)
             : nullptr;
}

// Fills in what stands for ports. False: no connection has such packets.
bool read_ports(Bytes upper, EmbeddedTuple& tuple) {
  switch (tuple.protocol) {
    case ip_protocol::kTcp:
    case ip_protocol::kUdp:
    case ip_protocol::kSctp: {
      const auto* ports = header_in<UdpHeader>(upper);  // all three begin alike
      static_assert(sizeof(UdpHeader) == kQuoted);
      if (ports == nullptr) {
        return false;
      }
      tuple.source_port = ports->source_port;
      tuple.destination_port = ports->destination_port;
      return true;
    }
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6: {
      const auto* icmp = header_in<IcmpEchoHeader>(upper);
      static_assert(sizeof(IcmpEchoHeader) == kQuoted);
      if (icmp == nullptr) {
        return false;
      }
      const auto ports = icmp_query_ports(tuple.protocol, icmp->type, icmp->identifier);
      if (!ports) {
        return false;
      }
      tuple.source_port = ports->source_port;
      tuple.destination_port = ports->destination_port;
      return true;
    }
    default:
      return true;
  }
}

std::optional<EmbeddedTuple> read_ipv4(Bytes quoted) {
  const auto* ip = header_in<Ipv4Header>(quoted);
  if (ip == nullptr || ip->version() != 4 || ip->header_length() < sizeof(Ipv4Header) ||
      ip->header_length() > quoted.size() || ip->is_later_fragment()) {
    return std::nullopt;
  }
  EmbeddedTuple tuple{
      .source = ip->source, .destination = ip->destination, .protocol = ip->protocol};
  return read_ports(quoted.subspan(ip->header_length()), tuple) ? std::optional{tuple}
                                                                : std::nullopt;
}

// Skips extension headers from `offset` on. False: too many, cut, or a later fragment.
bool walk_extension_headers(Bytes quoted, std::uint8_t& next, std::size_t& offset) {
  constexpr int kMostHeaders = 8;
  for (int i = 0; i <= kMostHeaders; ++i) {
    const bool is_fragment = next == ip_protocol::kIpv6Fragment;
    const bool is_authentication = next == ip_protocol::kAuthentication;
    if (!is_fragment && !is_authentication && next != ip_protocol::kHopByHop &&
        next != ip_protocol::kIpv6Routing && next != ip_protocol::kIpv6DestinationOptions) {
      return true;
    }
    // All are at least as long as this one.
    const auto* fragment = header_in<Ipv6FragmentHeader>(quoted, offset);
    if (fragment == nullptr || (is_fragment && fragment->offset() != 0)) {
      return false;
    }
    const auto& header = *header_in<Ipv6ExtensionHeader>(quoted, offset);
    const std::size_t length = is_fragment         ? sizeof(Ipv6FragmentHeader)
                               : is_authentication ? (header.length + 2U) * 4
                                                   : (header.length + 1U) * 8;
    next = header.next_header;
    offset += length;
    if (offset > quoted.size()) {
      return false;
    }
  }
  return false;
}

std::optional<EmbeddedTuple> read_ipv6(Bytes quoted) {
  const auto* ip = header_in<Ipv6Header>(quoted);
  if (ip == nullptr || ip->version_class_label.host() >> 28 != 6) {
    return std::nullopt;
  }
  std::uint8_t next = ip->next_header;
  std::size_t offset = sizeof(Ipv6Header);
  if (!walk_extension_headers(quoted, next, offset)) {
    return std::nullopt;
  }
  EmbeddedTuple tuple{.source = IpAddress{ip->source},
                      .destination = IpAddress{ip->destination},
                      .is_v6 = true,
                      .protocol = next};
  return read_ports(quoted.subspan(offset), tuple) ? std::optional{tuple} : std::nullopt;
}

}  // namespace

bool is_icmp_error(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  if (headers.l4_offset == 0 || headers.l4_offset >= frame.size()) {
    return false;
  }
  const std::uint8_t type = frame[headers.l4_offset];
  if (headers.kind == FrameHeaders::Kind::kIpv4 && headers.protocol == ip_protocol::kIcmp) {
    constexpr std::uint8_t kUnreachable = 3;
    constexpr std::uint8_t kSourceQuench = 4;
    constexpr std::uint8_t kTimeExceeded = 11;
    constexpr std::uint8_t kParameterProblem = 12;
    return type == kUnreachable || type == kSourceQuench || type == kTimeExceeded ||
           type == kParameterProblem;
  }
  constexpr std::uint8_t kLastError = 4;  // parameter problem
  return headers.kind == FrameHeaders::Kind::kIpv6 && headers.protocol == ip_protocol::kIcmpv6 &&
         type >= icmpv6_type::kDestinationUnreachable && type <= kLastError;
}

std::optional<EmbeddedTuple> embedded_tuple(std::span<const std::uint8_t> frame,
                                            const FrameHeaders& headers) {
  const std::size_t end = std::min<std::size_t>(headers.l3_end, frame.size());
  const std::size_t start = headers.l4_offset + kIcmpHeader;
  if (!is_icmp_error(frame, headers) || headers.is_fragment || start > end) {
    return std::nullopt;
  }
  const Bytes quoted = frame.subspan(start, end - start);
  return headers.kind == FrameHeaders::Kind::kIpv4 ? read_ipv4(quoted) : read_ipv6(quoted);
}

}  // namespace alkaid
