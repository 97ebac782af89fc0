#include "dataplane/conntrack/fragment.hpp"

#include "dataplane/conntrack/icmp_query.hpp"

namespace alkaid {
namespace {

template <class Header>
const Header& header_at(std::span<const std::uint8_t> frame, std::size_t offset) {
  return *reinterpret_cast<const Header*>(frame.data() + offset);
}

void describe_ipv4(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                   Fragment& fragment) {
  const auto& ip = header_at<Ipv4Header>(frame, headers.l3_offset);
  fragment.key.source = ip.source;
  fragment.key.destination = ip.destination;
  fragment.key.identification = ip.identification.host();
  fragment.key.protocol = ip.protocol;
  const std::uint16_t flags = ip.flags_offset.host();
  fragment.piece = {
      .offset = static_cast<std::uint16_t>((flags & Ipv4Header::kFragmentOffset) * 8U),
      .length = static_cast<std::uint16_t>(ip.total_length.host() - ip.header_length()),
      .more = (flags & Ipv4Header::kMoreFragments) != 0};
}

// Where the fragment header stands; the parser has walked to it and found it whole.
std::size_t fragment_header_offset(std::span<const std::uint8_t> frame, std::size_t l3_offset) {
  std::uint8_t next = header_at<Ipv6Header>(frame, l3_offset).next_header;
  std::size_t offset = l3_offset + sizeof(Ipv6Header);
  while (next != ip_protocol::kIpv6Fragment) {
    const auto& header = header_at<Ipv6ExtensionHeader>(frame, offset);
    offset +=
        next == ip_protocol::kAuthentication ? (header.length + 2U) * 4 : (header.length + 1U) * 8;
    next = header.next_header;
  }
  return offset;
}

void describe_ipv6(std::span<const std::uint8_t> frame, const FrameHeaders& headers,
                   Fragment& fragment) {
  const auto& ip = header_at<Ipv6Header>(frame, headers.l3_offset);
  const std::size_t at = fragment_header_offset(frame, headers.l3_offset);
  const auto& header = header_at<Ipv6FragmentHeader>(frame, at);
  fragment.key.source = IpAddress{ip.source};
  fragment.key.destination = IpAddress{ip.destination};
  fragment.key.identification = header.identification.host();
  fragment.key.is_v6 = 1;
  fragment.piece = {
      .offset = static_cast<std::uint16_t>(header.offset()),
      .length = static_cast<std::uint16_t>(headers.l3_end - at - sizeof(Ipv6FragmentHeader)),
      .more = header.more_fragments()};
}

FragmentUpper describe_upper(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  FragmentUpper upper{headers.protocol, headers.source_port, headers.destination_port};
  const bool is_icmp =
      headers.protocol == ip_protocol::kIcmp || headers.protocol == ip_protocol::kIcmpv6;
  if (is_icmp && headers.l4_offset != 0) {
    const auto& icmp = header_at<IcmpEchoHeader>(frame, headers.l4_offset);
    if (const auto ports = icmp_query_ports(headers.protocol, icmp.type, icmp.identifier)) {
      upper.source_port = ports->source_port;
      upper.destination_port = ports->destination_port;
    }
  }
  return upper;
}

}  // namespace

Fragment describe_fragment(std::span<const std::uint8_t> frame, const FrameHeaders& headers) {
  Fragment fragment;
  if (headers.kind == FrameHeaders::Kind::kIpv4) {
    describe_ipv4(frame, headers, fragment);
  } else {
    describe_ipv6(frame, headers, fragment);
  }
  if (fragment.piece.is_first()) {
    fragment.upper = describe_upper(frame, headers);
  }
  return fragment;
}

}  // namespace alkaid
