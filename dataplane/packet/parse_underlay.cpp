#include "dataplane/packet/parse_underlay.hpp"

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/parse.hpp"

namespace alkaid {
namespace {

template <class Header>
const Header& header_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  return *reinterpret_cast<const Header*>(bytes.data() + offset);
}

// UDP and VXLAN at udp_offset of an IP packet that ends at outer_end.
DropReason parse_vxlan(std::span<const std::uint8_t> bytes, std::uint16_t vxlan_port,
                       UnderlayHeaders& headers) {
  const std::size_t udp_offset = headers.udp_offset;
  if (udp_offset + sizeof(UdpHeader) > bytes.size() ||
      udp_offset + sizeof(UdpHeader) > headers.outer_end) {
    return DropReason::underlay_udp_malformed;
  }
  const auto& udp = header_at<UdpHeader>(bytes, udp_offset);
  if (udp.destination_port != BigEndian16{vxlan_port}) {
    return DropReason::underlay_protocol;
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

DropReason parse_outer_ipv4(std::span<const std::uint8_t> bytes, std::size_t total,
                            std::uint16_t vxlan_port, UnderlayHeaders& headers) {
  const std::size_t offset = headers.l3_offset;
  if (offset + sizeof(Ipv4Header) > bytes.size()) {
    return DropReason::underlay_ipv4_malformed;
  }
  const auto& ip = header_at<Ipv4Header>(bytes, offset);
  const std::size_t header_length = ip.header_length();
  const std::size_t total_length = ip.total_length.host();
  if (ip.version() != 4 || header_length < sizeof(Ipv4Header) ||
      offset + header_length > bytes.size() || total_length < header_length ||
      offset + total_length > total || !ipv4_checksum_ok(ip)) {
    return DropReason::underlay_ipv4_malformed;
  }
  headers.tos = ip.tos;
  headers.outer_end = offset + total_length;
  if (ip.protocol != ip_protocol::kUdp) {
    return DropReason::underlay_protocol;
  }
  if (ip.is_fragment()) {
    return DropReason::underlay_fragment;
  }
  headers.udp_offset = static_cast<std::uint16_t>(offset + header_length);
  return parse_vxlan(bytes, vxlan_port, headers);
}

DropReason parse_outer_ipv6(std::span<const std::uint8_t> bytes, std::size_t total,
                            std::uint16_t vxlan_port, UnderlayHeaders& headers) {
  const std::size_t offset = headers.l3_offset;
  if (offset + sizeof(Ipv6Header) > bytes.size()) {
    return DropReason::underlay_ipv6_malformed;
  }
  const auto& ip = header_at<Ipv6Header>(bytes, offset);
  const std::uint32_t first_word = ip.version_class_label.host();
  const std::size_t next_offset = offset + sizeof(Ipv6Header);
  headers.outer_end = next_offset + ip.payload_length.host();
  // A group address can't be a source. A jumbogram's length of 0 leaves no room for UDP.
  if (first_word >> 28 != 6 || headers.outer_end > total || ip.source[0] == 0xff) {
    return DropReason::underlay_ipv6_malformed;
  }
  headers.is_v6 = true;
  headers.tos = static_cast<std::uint8_t>(first_word >> 20);
  switch (ip.next_header) {
    case ip_protocol::kUdp:
      headers.udp_offset = static_cast<std::uint16_t>(next_offset);
      return parse_vxlan(bytes, vxlan_port, headers);
    case ip_protocol::kIpv6Fragment:
      return DropReason::underlay_fragment;
    case ip_protocol::kIcmpv6:
      if (next_offset < bytes.size() && next_offset < headers.outer_end &&
          (bytes[next_offset] == icmpv6_type::kNeighborSolicitation ||
           bytes[next_offset] == icmpv6_type::kNeighborAdvertisement)) {
        headers.kind = UnderlayHeaders::Kind::kNeighborDiscovery;
        return DropReason::kNone;
      }
      return DropReason::underlay_protocol;
    default:
      return DropReason::underlay_protocol;
  }
}

}  // namespace

DropReason parse_underlay(std::span<const std::uint8_t> bytes, std::size_t total,
                          const UnderlayFormat& format, UnderlayHeaders& headers) {
  headers = UnderlayHeaders{};
  if (bytes.size() < sizeof(EthernetHeader)) {
    return DropReason::frame_truncated;
  }
  const auto& ethernet = header_at<EthernetHeader>(bytes, 0);
  if (!ethernet.source.is_unicast()) {
    return DropReason::source_mac_invalid;
  }
  headers.l3_offset = sizeof(EthernetHeader);
  BigEndian16 type = ethernet.type;
  if (format.vlan != 0) [[unlikely]] {
    if (bytes.size() < sizeof(EthernetHeader) + sizeof(VlanTag)) {
      return type.host() == ether_type::kVlan ? DropReason::frame_truncated
                                              : DropReason::underlay_vlan;
    }
    const auto& tag = header_at<VlanTag>(bytes, sizeof(EthernetHeader));
    if (type.host() != ether_type::kVlan || tag.id() != format.vlan) {
      return DropReason::underlay_vlan;
    }
    type = tag.type;
    headers.l3_offset += sizeof(VlanTag);
  }
  switch (type.host()) {
    case ether_type::kIpv4:
      return parse_outer_ipv4(bytes, total, format.vxlan_port, headers);
    case ether_type::kIpv6:
      return parse_outer_ipv6(bytes, total, format.vxlan_port, headers);
    case ether_type::kArp: {
      FrameHeaders arp;
      arp.l3_offset = headers.l3_offset;
      headers.kind = UnderlayHeaders::Kind::kArp;
      return parse_arp(bytes, arp);
    }
    case ether_type::kVlan:
    case ether_type::kQinQ:
      return DropReason::vlan_unsupported;
    default:
      return DropReason::ethertype_unsupported;
  }
}

}  // namespace alkaid
