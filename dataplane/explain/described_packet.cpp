#include "dataplane/explain/described_packet.hpp"

#include <cstring>

#include "dataplane/control/object_error.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/route/gateway_address.hpp"

namespace alkaid {
namespace {

bool is_icmp(std::uint8_t protocol) {
  return protocol == ip_protocol::kIcmp || protocol == ip_protocol::kIcmpv6;
}

std::size_t l4_header_size(std::uint8_t protocol) {
  constexpr std::size_t kSctpHeader = 12;  // RFC 9260, 3.1
  switch (protocol) {
    case ip_protocol::kTcp:
      return sizeof(TcpHeader);
    case ip_protocol::kUdp:
      return sizeof(UdpHeader);
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6:
      return sizeof(IcmpEchoHeader);
    case ip_protocol::kSctp:
      return kSctpHeader;
    default:
      return 0;
  }
}

std::size_t ip_header_size(const DescribedPacket& packet) {
  return packet.source.is_v4() ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
}

std::size_t ip_length(const DescribedPacket& packet) {
  return packet.length != 0 ? packet.length
                            : ip_header_size(packet) + l4_header_size(packet.protocol);
}

// Returns where the upper layer's checksum is, 0 if it has none of its own.
std::size_t write_l4(const DescribedPacket& packet, std::uint8_t tcp_flags, std::uint8_t* l4,
                     std::size_t length) {
  const BigEndian16 source{packet.source_port};
  const BigEndian16 destination{packet.destination_port};
  switch (packet.protocol) {
    case ip_protocol::kTcp: {
      auto& tcp = *reinterpret_cast<TcpHeader*>(l4);
      tcp.source_port = source;
      tcp.destination_port = destination;
      tcp.data_offset = sizeof(TcpHeader) / 4 << 4;
      tcp.flags = packet.tcp_flags.value_or(tcp_flags);
      tcp.window = BigEndian16{UINT16_MAX};
      return offsetof(TcpHeader, checksum);
    }
    case ip_protocol::kUdp: {
      auto& udp = *reinterpret_cast<UdpHeader*>(l4);
      udp = {source, destination, BigEndian16{static_cast<std::uint16_t>(length)}, {}};
      return offsetof(UdpHeader, checksum);
    }
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6: {
      auto& icmp = *reinterpret_cast<IcmpEchoHeader*>(l4);
      icmp.type = packet.icmp_type.value_or(packet.protocol == ip_protocol::kIcmp
                                                ? IcmpEchoHeader::kEchoRequest
                                                : icmpv6_type::kEchoRequest);
      icmp.code = packet.icmp_code.value_or(0);
      icmp.identifier = source;
      return offsetof(IcmpEchoHeader, checksum);
    }
    case ip_protocol::kSctp: {
      std::memcpy(l4, &source, sizeof(source));
      std::memcpy(l4 + sizeof(source), &destination, sizeof(destination));
      return 0;
    }
    default:
      return 0;
  }
}

void write_checksum(std::uint8_t* l4, std::size_t offset, std::uint64_t pseudo_header,
                    std::size_t length) {
  if (offset != 0) {
    const BigEndian16 checksum = checksum_finish(checksum_add(pseudo_header, l4, length));
    std::memcpy(l4 + offset, &checksum, sizeof(checksum));
  }
}

void write_ipv4(const DescribedPacket& packet, std::uint8_t tcp_flags, std::uint8_t* front) {
  auto& ip = *reinterpret_cast<Ipv4Header*>(front);
  const auto length = static_cast<std::uint16_t>(ip_length(packet));
  ip.version_ihl = 0x45;
  ip.total_length = BigEndian16{length};
  ip.flags_offset = BigEndian16{Ipv4Header::kDontFragment};
  ip.ttl = packet.ttl;
  ip.protocol = packet.protocol;
  ip.source = packet.source.v4();
  ip.destination = packet.destination.v4();
  ipv4_checksum_set(ip);
  const auto l4_length = static_cast<std::uint16_t>(length - sizeof(Ipv4Header));
  std::uint8_t* l4 = front + sizeof(Ipv4Header);
  const std::size_t checksum = write_l4(packet, tcp_flags, l4, l4_length);
  write_checksum(l4, checksum, is_icmp(packet.protocol) ? 0 : ipv4_pseudo_header_sum(ip, l4_length),
                 l4_length);
}

void write_ipv6(const DescribedPacket& packet, std::uint8_t tcp_flags, std::uint8_t* front) {
  auto& ip = *reinterpret_cast<Ipv6Header*>(front);
  const std::size_t l4_length = ip_length(packet) - sizeof(Ipv6Header);
  ip.version_class_label = BigEndian32{6U << 28};
  ip.payload_length = BigEndian16{static_cast<std::uint16_t>(l4_length)};
  ip.next_header = packet.protocol;
  ip.hop_limit = packet.ttl;
  ip.source = packet.source.bytes();
  ip.destination = packet.destination.bytes();
  std::uint8_t* l4 = front + sizeof(Ipv6Header);
  const std::size_t checksum = write_l4(packet, tcp_flags, l4, l4_length);
  write_checksum(l4, checksum,
                 ipv6_pseudo_header_sum(ip, packet.protocol, static_cast<std::uint32_t>(l4_length)),
                 l4_length);
}

bool is_in(const SegmentConfig& segment, const IpAddress& address) {
  for (const IpPrefix& prefix : segment.prefixes) {
    if (prefix.contains(address)) {
      return true;
    }
  }
  return false;
}

bool is_broadcast_of(const SegmentConfig& segment, const IpAddress& address) {
  if (!address.is_v4()) {
    return false;
  }
  if (address.v4().is_broadcast()) {
    return true;
  }
  for (const IpPrefix& prefix : segment.prefixes) {
    if (prefix.address.is_v4() && prefix.length < 31 && prefix.contains(address) &&
        (address.v4().host() | ipv4_netmask(prefix.length)) == UINT32_MAX) {
      return true;
    }
  }
  return false;
}

MacAddress multicast_mac_of(const IpAddress& group) {
  return group.is_v4() ? MacAddress::from_number(0x01005e000000ULL |
                                                 (group.v4().host() & 0x7fffffU))  // RFC 1112, 6.4
                       : multicast_mac(group);
}

bool is_group(const IpAddress& address) {
  return address.is_v4() ? address.v4().is_multicast() : address.bytes()[0] == 0xff;
}

bool is_gateway(const Segment& segment, const IpAddress& address) {
  return address.is_v4() ? is_gateway_address(segment, address.v4())
                         : is_gateway_address(segment, address);
}

ObjectError unknown_station(const DescribedPacket& packet, Vni vni) {
  return invalid("destination_mac",
                 fmt::format("no neighbor has {} in VNI {}, so nobody would answer the guest's {} "
                             "request; name a MAC to explain the packet all the same",
                             packet.destination.to_string(), vni.number(),
                             packet.destination.is_v4() ? "ARP" : "neighbor discovery"));
}

// Where a station of the segment sends packets to the address.
std::variant<MacAddress, ObjectError> destination_mac(const DescribedPacket& packet,
                                                      const Segment& segment,
                                                      const Tables& tables) {
  const IpAddress& address = packet.destination;
  const bool v4 = address.is_v4();
  const Vni vni = segment.config.vni;
  if (is_broadcast_of(segment.config, address)) {
    return MacAddress::from_number(0xffffffffffffULL);
  }
  if (is_group(address)) {
    return multicast_mac_of(address);
  }
  const MacAddress& gateway = v4 ? segment.gateway_v4_mac : segment.gateway_v6_mac;
  if (is_gateway(segment, address)) {
    return v4 ? gateway : router_mac_v6(segment);
  }
  if (const Neighbor* neighbor = tables.neighbors.find(vni, address)) {
    return neighbor->mac();
  }
  if (is_in(segment.config, address) || is_link_local(address)) {
    return unknown_station(packet, vni);
  }
  if (gateway.is_zero()) {
    return invalid("destination_mac",
                   fmt::format("{} is outside VNI {}, which has no {} gateway; name a MAC to "
                               "explain the packet all the same",
                               address.to_string(), vni.number(), v4 ? "IPv4" : "IPv6"));
  }
  return gateway;
}

// Of a packet out of a tunnel: the sender's host has routed what comes from another segment.
MacAddress remote_source_mac(const DescribedPacket& packet, const Segment& segment,
                             const Tables& tables) {
  const Neighbor* neighbor = tables.neighbors.find(segment.config.vni, packet.source);
  return neighbor != nullptr ? neighbor->mac() : segment.host_dvr_mac;
}

MacAddress delivered_mac(const DescribedPacket& packet, const Segment& segment, const Port& port,
                         const Tables& tables) {
  const Neighbor* neighbor = tables.neighbors.find(segment.config.vni, packet.destination);
  return neighbor != nullptr ? neighbor->mac() : port.mac;
}

}  // namespace

std::variant<FrameMacs, ObjectError> find_macs(const DescribedPacket& packet, const Port& port,
                                               const Tables& tables) {
  FrameMacs macs{packet.source_mac, packet.destination_mac};
  const FrameHeaders::Kind kind =
      packet.source.is_v4() ? FrameHeaders::Kind::kIpv4 : FrameHeaders::Kind::kIpv6;
  const Segment* segment = tables.segments.at(port.zone_of(kind));
  if (macs.source.is_zero()) {
    macs.source = !packet.inbound || segment == nullptr
                      ? port.mac
                      : remote_source_mac(packet, *segment, tables);
  }
  if (!macs.destination.is_zero()) {
    return macs;
  }
  if (segment == nullptr) {
    macs.destination = port.mac;  // the packet gets no further than to the segment's absence
  } else if (packet.inbound) {
    macs.destination = delivered_mac(packet, *segment, port, tables);
  } else {
    auto found = destination_mac(packet, *segment, tables);
    if (auto* error = std::get_if<ObjectError>(&found)) {
      return std::move(*error);
    }
    macs.destination = std::get<MacAddress>(found);
  }
  return macs;
}

ObjectResult check_described_packet(const DescribedPacket& packet) {
  if (packet.source.is_v4() != packet.destination.is_v4()) {
    return invalid("destination", "source and destination are of different address families");
  }
  if (packet.protocol == (packet.source.is_v4() ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp)) {
    return invalid("protocol", packet.source.is_v4() ? "ICMPv6 is IPv6's" : "ICMP is IPv4's");
  }
  if (packet.length > UINT16_MAX) {
    return invalid("length", fmt::format("{} is beyond {}", packet.length, UINT16_MAX));
  }
  const std::size_t least = ip_header_size(packet) + l4_header_size(packet.protocol);
  if (packet.length != 0 && packet.length < least) {
    return invalid("length", fmt::format("{} is less than the headers' {}", packet.length, least));
  }
  return std::nullopt;
}

std::vector<std::uint8_t> make_frame(const DescribedPacket& packet, const FrameMacs& macs,
                                     std::uint8_t tcp_flags) {
  std::vector<std::uint8_t> frame(sizeof(EthernetHeader) + ip_length(packet));
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(frame.data());
  ethernet.destination = macs.destination;
  ethernet.source = macs.source;
  ethernet.type = BigEndian16{packet.source.is_v4() ? ether_type::kIpv4 : ether_type::kIpv6};
  (packet.source.is_v4() ? write_ipv4 : write_ipv6)(packet, tcp_flags,
                                                    frame.data() + sizeof(EthernetHeader));
  return frame;
}

}  // namespace alkaid
