#include "dataplane/packet/parse.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace alkaid {
namespace {

template <class Header>
const Header& header_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  return *reinterpret_cast<const Header*>(bytes.data() + offset);
}

// Reads ports and checks that the L4 header is whole. l4_offset and l3_end are set.
DropReason parse_l4(std::span<const std::uint8_t> bytes, FrameHeaders& headers) {
  std::size_t needed = 0;
  bool has_ports = false;
  switch (headers.protocol) {
    case ip_protocol::kTcp:
      needed = sizeof(TcpHeader);
      has_ports = true;
      break;
    case ip_protocol::kUdp:
      needed = sizeof(UdpHeader);
      has_ports = true;
      break;
    case ip_protocol::kSctp:
      needed = 12;  // RFC 9260, common header
      has_ports = true;
      break;
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6:
      needed = sizeof(IcmpEchoHeader);
      break;
    default:
      return DropReason::kNone;
  }
  const std::size_t end = headers.l4_offset + needed;
  if (end > headers.l3_end || end > bytes.size()) {
    return DropReason::l4_truncated;
  }
  if (has_ports) {
    // All three begin with source port, destination port.
    const auto& ports = header_at<UdpHeader>(bytes, headers.l4_offset);
    headers.source_port = ports.source_port;
    headers.destination_port = ports.destination_port;
    if (headers.protocol == ip_protocol::kUdp) {
      const std::size_t length = ports.length.host();
      if (length < sizeof(UdpHeader) || headers.l4_offset + length > headers.l3_end) {
        // A fragment's UDP length spans all fragments.
        if (!headers.is_fragment || length < sizeof(UdpHeader)) {
          return DropReason::l4_truncated;
        }
      }
    } else if (headers.protocol == ip_protocol::kTcp) {
      const std::size_t words = header_at<TcpHeader>(bytes, headers.l4_offset).data_offset >> 4U;
      const std::size_t length = words * 4;
      if (length < sizeof(TcpHeader) || headers.l4_offset + length > headers.l3_end) {
        return DropReason::l4_truncated;
      }
    }
  }
  return DropReason::kNone;
}

DropReason parse_ipv4(std::span<const std::uint8_t> bytes, std::size_t total,
                      FrameHeaders& headers) {
  const std::size_t offset = headers.l3_offset;
  if (offset + sizeof(Ipv4Header) > bytes.size()) {
    return DropReason::ipv4_truncated;
  }
  const auto& ip = header_at<Ipv4Header>(bytes, offset);
  if (ip.version() != 4) {
    return DropReason::ipv4_version;
  }
  const std::size_t header_length = ip.header_length();
  if (header_length < sizeof(Ipv4Header) || offset + header_length > bytes.size()) {
    return DropReason::ipv4_header_length;
  }
  const std::size_t total_length = ip.total_length.host();
  if (total_length < header_length || offset + total_length > total ||
      offset + total_length > UINT16_MAX) {
    return DropReason::ipv4_total_length;
  }
  if (!ipv4_checksum_ok(ip)) {
    return DropReason::ipv4_checksum;
  }
  if (ip.source.is_multicast() || ip.source.is_broadcast() || ip.source.is_loopback()) {
    return DropReason::source_ip_invalid;
  }
  headers.kind = FrameHeaders::Kind::kIpv4;
  headers.protocol = ip.protocol;
  headers.l3_end = static_cast<std::uint16_t>(offset + total_length);
  headers.is_fragment = ip.is_fragment();
  if (ip.is_later_fragment()) [[unlikely]] {
    const std::size_t at = (ip.flags_offset.host() & Ipv4Header::kFragmentOffset) * 8U;
    const bool rewrites_tcp = at == 8 && ip.protocol == ip_protocol::kTcp;  // RFC 1858, 3128
    const bool is_too_long = at + total_length > UINT16_MAX;
    return rewrites_tcp || is_too_long ? DropReason::ipv4_fragment : DropReason::kNone;
  }
  headers.l4_offset = static_cast<std::uint16_t>(offset + header_length);
  if (const auto reason = parse_l4(bytes, headers); reason != DropReason::kNone) {
    return reason;
  }
  // Relays send from the server's port (RFC 1542, 4.1.1).
  headers.is_dhcp_client = headers.destination_port == BigEndian16{udp_port::kDhcpServer} &&
                           headers.protocol == ip_protocol::kUdp && !headers.is_fragment &&
                           (headers.source_port == BigEndian16{udp_port::kDhcpClient} ||
                            headers.source_port == BigEndian16{udp_port::kDhcpServer});
  return DropReason::kNone;
}

// Two halves of an address as they lie in memory; zero and all-ones look the same in any order.
struct RawHalves {
  std::uint64_t high;
  std::uint64_t low;
};

RawHalves halves_of(const std::array<std::uint8_t, 16>& address) {
  return std::bit_cast<RawHalves>(address);
}

bool is_unspecified(const std::array<std::uint8_t, 16>& address) {
  const RawHalves halves = halves_of(address);
  return halves.high == 0 && halves.low == 0;
}

// RFC 4291, 2.5.3 and 2.5.5.2: never on a link. The IPv4-mapped ones would also be taken for IPv4
// addresses by IpAddress.
bool is_loopback_or_mapped(const std::array<std::uint8_t, 16>& address) {
  if (halves_of(address).high != 0) [[likely]] {
    return false;
  }
  const IpAddress ip{address};
  return ip.low() == 1 || ip.is_v4();
}

// RFC 4291, 2.5.2: a station without an address yet. It may look for duplicates and routers
// (RFC 4861), report what it listens to (RFC 3810, 5.2.13) and ask for an address.
bool may_be_unspecified(std::span<const std::uint8_t> bytes, const FrameHeaders& headers) {
  if (headers.is_mld || headers.is_dhcpv6_client) {
    return true;
  }
  const std::uint8_t type = headers.is_nd ? bytes[headers.l4_offset] : 0;
  return type == icmpv6_type::kRouterSolicitation || type == icmpv6_type::kNeighborSolicitation;
}

// Where the extension headers end.
struct Ipv6Chain {
  std::uint8_t next_header = 0;
  std::size_t offset = 0;
  bool has_fragment_header = false;
  bool is_fragment = false;
  bool is_later_fragment = false;
};

bool is_extension_header(std::uint8_t number) {
  return number == ip_protocol::kHopByHop || number == ip_protocol::kIpv6Routing ||
         number == ip_protocol::kIpv6Fragment || number == ip_protocol::kAuthentication ||
         number == ip_protocol::kIpv6DestinationOptions;
}

DropReason take_fragment_header(const Ipv6FragmentHeader& fragment, std::size_t end,
                                Ipv6Chain& chain) {
  if (chain.has_fragment_header) {
    return DropReason::ipv6_extension_headers;  // RFC 8200, 4.1: at most once
  }
  const std::size_t at = fragment.offset();
  const std::size_t length = end - chain.offset - sizeof(Ipv6FragmentHeader);
  chain.has_fragment_header = true;
  chain.is_fragment = at != 0 || fragment.more_fragments();
  chain.is_later_fragment = at != 0;
  // RFC 8200, 4.5. A second fragment that starts inside the TCP header overlaps the first, which
  // holds it whole (RFC 5722).
  const bool is_odd = fragment.more_fragments() && length % 8 != 0;
  const bool rewrites_tcp = at == 8 && fragment.next_header == ip_protocol::kTcp;
  if (is_odd || rewrites_tcp || at + length > UINT16_MAX) {
    return DropReason::ipv6_fragment;
  }
  return DropReason::kNone;
}

// Walks from `chain` (the number and place of the first header) to the upper layer.
DropReason walk_extension_headers(std::span<const std::uint8_t> bytes, std::size_t end,
                                  Ipv6Chain& chain) {
  constexpr int kMostHeaders = 8;
  const auto truncated = [&chain] {
    return chain.is_fragment ? DropReason::ipv6_fragment : DropReason::ipv6_extension_headers;
  };
  for (int i = 0; is_extension_header(chain.next_header); ++i) {
    const bool is_misplaced = chain.next_header == ip_protocol::kHopByHop && i > 0;
    if (i == kMostHeaders || is_misplaced) {
      return DropReason::ipv6_extension_headers;
    }
    const std::size_t limit = std::min(end, bytes.size());
    if (chain.offset + sizeof(Ipv6FragmentHeader) > limit) {  // all are at least this long
      return truncated();
    }
    const auto& header = header_at<Ipv6ExtensionHeader>(bytes, chain.offset);
    std::size_t length = (header.length + 1U) * 8;
    if (chain.next_header == ip_protocol::kIpv6Fragment) {
      const auto& fragment = header_at<Ipv6FragmentHeader>(bytes, chain.offset);
      if (const auto bad = take_fragment_header(fragment, end, chain); bad != DropReason::kNone) {
        return bad;
      }
      length = sizeof(Ipv6FragmentHeader);
    } else if (chain.next_header == ip_protocol::kAuthentication) {
      length = (header.length + 2U) * 4;
    }
    if (chain.offset + length > limit) {
      return truncated();
    }
    chain.offset += length;
    chain.next_header = header.next_header;
    if (chain.is_later_fragment) {
      return DropReason::kNone;  // what follows is the middle of something
    }
  }
  return DropReason::kNone;
}

void classify_icmpv6(std::uint8_t type, FrameHeaders& headers) {
  headers.is_nd = type >= icmpv6_type::kRouterSolicitation && type <= icmpv6_type::kRedirect;
  headers.is_mld = !headers.is_fragment &&
                   ((type >= icmpv6_type::kListenerQuery && type <= icmpv6_type::kListenerDone) ||
                    type == icmpv6_type::kListenerReportV2);
}

DropReason parse_ipv6_addresses(std::span<const std::uint8_t> bytes, const Ipv6Header& ip,
                                const FrameHeaders& headers) {
  if (ip.source[0] == 0xff || is_loopback_or_mapped(ip.source) ||
      (is_unspecified(ip.source) && !may_be_unspecified(bytes, headers))) [[unlikely]] {
    return DropReason::source_ip_invalid;
  }
  // Scopes 0 and 1: reserved, and of the interface itself (RFC 4291, 2.7).
  const bool is_confined = ip.destination[0] == 0xff && (ip.destination[1] & 0xf) <= 1;
  if (is_confined || is_loopback_or_mapped(ip.destination) || is_unspecified(ip.destination))
      [[unlikely]] {
    return DropReason::destination_ip_invalid;
  }
  return DropReason::kNone;
}

DropReason parse_ipv6(std::span<const std::uint8_t> bytes, std::size_t total,
                      FrameHeaders& headers) {
  const std::size_t offset = headers.l3_offset;
  if (offset + sizeof(Ipv6Header) > bytes.size()) {
    return DropReason::ipv6_truncated;
  }
  const auto& ip = header_at<Ipv6Header>(bytes, offset);
  if ((ip.version_class_label.host() >> 28) != 6) {
    return DropReason::ipv6_version;
  }
  const std::size_t end = offset + sizeof(Ipv6Header) + ip.payload_length.host();
  if (end > total || end > UINT16_MAX) {
    return DropReason::ipv6_truncated;
  }
  headers.kind = FrameHeaders::Kind::kIpv6;
  headers.l3_end = static_cast<std::uint16_t>(end);
  Ipv6Chain chain{.next_header = ip.next_header, .offset = offset + sizeof(Ipv6Header)};
  if (is_extension_header(chain.next_header)) [[unlikely]] {
    if (const auto bad = walk_extension_headers(bytes, end, chain); bad != DropReason::kNone) {
      return bad;
    }
  }
  headers.protocol = chain.next_header;
  headers.is_fragment = chain.is_fragment;
  const bool is_opaque = headers.protocol == ip_protocol::kEncryptedPayload ||
                         headers.protocol == ip_protocol::kNoNextHeader;
  if (!chain.is_later_fragment && !is_opaque) [[likely]] {
    headers.l4_offset = static_cast<std::uint16_t>(chain.offset);
    if (const auto bad = parse_l4(bytes, headers); bad != DropReason::kNone) {
      return bad;
    }
    if (headers.protocol == ip_protocol::kIcmpv6) {
      classify_icmpv6(bytes[headers.l4_offset], headers);
      if (headers.is_nd && chain.has_fragment_header) {
        return DropReason::nd_fragmented;
      }
    }
    headers.is_dhcpv6_client = headers.protocol == ip_protocol::kUdp && !headers.is_fragment &&
                               headers.source_port == BigEndian16{udp_port::kDhcpv6Client} &&
                               headers.destination_port == BigEndian16{udp_port::kDhcpv6Server};
  }
  return parse_ipv6_addresses(bytes, ip, headers);
}

}  // namespace

DropReason parse_arp(std::span<const std::uint8_t> bytes, FrameHeaders& headers) {
  const std::size_t end = headers.l3_offset + sizeof(ArpHeader);
  if (end > bytes.size()) {
    return DropReason::arp_malformed;
  }
  const auto& arp = header_at<ArpHeader>(bytes, headers.l3_offset);
  if (arp.hardware_type.host() != 1 || arp.protocol_type.host() != ether_type::kIpv4 ||
      arp.hardware_length != sizeof(MacAddress) || arp.protocol_length != sizeof(Ipv4Address)) {
    return DropReason::arp_malformed;
  }
  headers.kind = FrameHeaders::Kind::kArp;
  headers.l3_end = static_cast<std::uint16_t>(end);
  return DropReason::kNone;
}

DropReason parse_frame(std::span<const std::uint8_t> bytes, std::size_t total,
                       FrameHeaders& headers) {
  headers = FrameHeaders{};
  if (bytes.size() < sizeof(EthernetHeader)) {
    return DropReason::frame_truncated;
  }
  const auto& ethernet = header_at<EthernetHeader>(bytes, 0);
  if (!ethernet.source.is_unicast()) {
    return DropReason::source_mac_invalid;
  }
  headers.l3_offset = sizeof(EthernetHeader);
  switch (ethernet.type.host()) {
    case ether_type::kIpv4:
      return parse_ipv4(bytes, total, headers);
    case ether_type::kIpv6:
      return parse_ipv6(bytes, total, headers);
    case ether_type::kArp:
      return parse_arp(bytes, headers);
    case ether_type::kVlan:
    case ether_type::kQinQ:
      return DropReason::vlan_unsupported;
    default:
      return DropReason::ethertype_unsupported;
  }
}

}  // namespace alkaid
