#include "dataplane/packet/parse.hpp"

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
  if (ip.is_later_fragment()) {
    return DropReason::kNone;
  }
  headers.l4_offset = static_cast<std::uint16_t>(offset + header_length);
  if (const auto reason = parse_l4(bytes, headers); reason != DropReason::kNone) {
    return reason;
  }
  headers.is_dhcp_client = headers.protocol == ip_protocol::kUdp && !headers.is_fragment &&
                           headers.source_port == BigEndian16{udp_port::kDhcpClient} &&
                           headers.destination_port == BigEndian16{udp_port::kDhcpServer};
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
  if (ip.source[0] == 0xff) {
    return DropReason::source_ip_invalid;
  }
  headers.kind = FrameHeaders::Kind::kIpv6;
  headers.protocol = ip.next_header;
  headers.l3_end = static_cast<std::uint16_t>(end);
  headers.l4_offset = static_cast<std::uint16_t>(offset + sizeof(Ipv6Header));
  return parse_l4(bytes, headers);
}

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

}  // namespace

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

DropReason parse_underlay(std::span<const std::uint8_t> bytes, std::size_t total,
                          std::uint16_t vxlan_port, UnderlayHeaders& headers) {
  headers = UnderlayHeaders{};
  if (bytes.size() < sizeof(EthernetHeader)) {
    return DropReason::frame_truncated;
  }
  const auto& ethernet = header_at<EthernetHeader>(bytes, 0);
  if (!ethernet.source.is_unicast()) {
    return DropReason::source_mac_invalid;
  }
  constexpr std::size_t kIpOffset = sizeof(EthernetHeader);
  switch (ethernet.type.host()) {
    case ether_type::kIpv4:
      break;
    case ether_type::kArp: {
      FrameHeaders arp;
      arp.l3_offset = kIpOffset;
      headers.kind = UnderlayHeaders::Kind::kArp;
      return parse_arp(bytes, arp);
    }
    case ether_type::kVlan:
    case ether_type::kQinQ:
      return DropReason::vlan_unsupported;
    default:
      return DropReason::ethertype_unsupported;
  }
  if (kIpOffset + sizeof(Ipv4Header) > bytes.size()) {
    return DropReason::underlay_ipv4_malformed;
  }
  const auto& ip = header_at<Ipv4Header>(bytes, kIpOffset);
  const std::size_t header_length = ip.header_length();
  const std::size_t total_length = ip.total_length.host();
  if (ip.version() != 4 || header_length < sizeof(Ipv4Header) ||
      kIpOffset + header_length > bytes.size() || total_length < header_length ||
      kIpOffset + total_length > total || !ipv4_checksum_ok(ip)) {
    return DropReason::underlay_ipv4_malformed;
  }
  headers.tos = ip.tos;
  headers.source = ip.source;
  headers.destination = ip.destination;
  headers.outer_end = kIpOffset + total_length;
  if (ip.protocol != ip_protocol::kUdp) {
    return DropReason::kNone;
  }
  if (ip.is_fragment()) {
    return DropReason::underlay_fragment;
  }
  const std::size_t udp_offset = kIpOffset + header_length;
  if (udp_offset + sizeof(UdpHeader) > bytes.size() ||
      udp_offset + sizeof(UdpHeader) > headers.outer_end) {
    return DropReason::underlay_udp_malformed;
  }
  const auto& udp = header_at<UdpHeader>(bytes, udp_offset);
  if (udp.destination_port != BigEndian16{vxlan_port}) {
    return DropReason::kNone;
  }
  const std::size_t udp_length = udp.length.host();
  if (udp_length < sizeof(UdpHeader) || udp_offset + udp_length > headers.outer_end) {
    return DropReason::underlay_udp_malformed;
  }
  headers.outer_end = udp_offset + udp_length;
  const std::size_t vxlan_offset = udp_offset + sizeof(UdpHeader);
  const std::size_t inner_offset = vxlan_offset + sizeof(VxlanHeader);
  const std::size_t inner_header_end = inner_offset + sizeof(EthernetHeader);
  if (inner_header_end > headers.outer_end || inner_header_end > bytes.size()) {
    return DropReason::vxlan_truncated;
  }
  const auto& vxlan = header_at<VxlanHeader>(bytes, vxlan_offset);
  // RFC 7348: the I flag must be set, the R bits are ignored on receipt; but bits that other
  // specifications gave a meaning (VXLAN-GPE's P, O, version) change what follows, so a packet that
  // carries any is not plain VXLAN.
  if (vxlan.flags != VxlanHeader::kVniPresent) {
    return DropReason::vxlan_flags;
  }
  headers.kind = UnderlayHeaders::Kind::kVxlan;
  headers.vni = vxlan.vni();
  headers.inner_offset = static_cast<std::uint16_t>(inner_offset);
  return DropReason::kNone;
}

}  // namespace alkaid
