// Feeds any bytes to the frame parser (what a guest sends) and to the underlay parser with the
// frame parser behind it (what arrives on the uplink), and checks what they promise about offsets:
// later stages overlay headers there without checking again.
//
// Input: two bytes, how much longer than its first buffer the packet is; one byte, bit 0 if the
// IPv4 header checksums shall be made right (no fuzzer finds one by chance), bit 1 if the uplink
// has VLAN 1; then the first buffer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/parse.hpp"
#include "dataplane/packet/parse_underlay.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/exact_copy.hpp"

namespace alkaid::fuzz {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::size_t l4_header_size(std::uint8_t protocol) {
  switch (protocol) {
    case ip_protocol::kTcp:
      return sizeof(TcpHeader);
    case ip_protocol::kUdp:
      return sizeof(UdpHeader);
    case ip_protocol::kSctp:
      return 12;
    case ip_protocol::kIcmp:
    case ip_protocol::kIcmpv6:
      return sizeof(IcmpEchoHeader);
    default:
      return 0;
  }
}

void check_ipv4(Bytes bytes, std::size_t total, const FrameHeaders& headers) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(bytes.data() + headers.l3_offset);
  const std::size_t l3_header_end = headers.l3_offset + ip.header_length();
  ALKAID_REQUIRE(ip.version() == 4 && ip.header_length() >= sizeof(Ipv4Header));
  ALKAID_REQUIRE(l3_header_end <= bytes.size() && l3_header_end <= headers.l3_end);
  ALKAID_REQUIRE(headers.l3_end == headers.l3_offset + ip.total_length.host());
  ALKAID_REQUIRE(headers.l3_end <= total);
  ALKAID_REQUIRE(ipv4_checksum_ok(ip));
  ALKAID_REQUIRE(headers.protocol == ip.protocol);
  ALKAID_REQUIRE(headers.is_fragment == ip.is_fragment());
  ALKAID_REQUIRE(headers.l4_offset == (ip.is_later_fragment() ? 0 : l3_header_end));
}

void check_ipv6(Bytes bytes, std::size_t total, const FrameHeaders& headers) {
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(bytes.data() + headers.l3_offset);
  const std::size_t fixed_end = headers.l3_offset + sizeof(Ipv6Header);
  ALKAID_REQUIRE(headers.l3_end == fixed_end + ip.payload_length.host());
  ALKAID_REQUIRE(headers.l3_end <= total);
  ALKAID_REQUIRE(!IpAddress{ip.source}.is_v4() && !IpAddress{ip.destination}.is_v4());
  if (headers.l4_offset != 0) {
    ALKAID_REQUIRE(headers.l4_offset >= fixed_end && headers.l4_offset <= headers.l3_end);
    // Without extension headers the upper layer follows at once.
    ALKAID_REQUIRE(headers.l4_offset > fixed_end || headers.protocol == ip.next_header);
    ALKAID_REQUIRE(headers.l4_offset <= fixed_end || headers.l4_offset <= bytes.size());
  }
  if (headers.is_nd || headers.is_mld) {
    ALKAID_REQUIRE(headers.protocol == ip_protocol::kIcmpv6 && headers.l4_offset != 0);
    ALKAID_REQUIRE(!headers.is_fragment && !(headers.is_nd && headers.is_mld));
  }
  if (headers.is_dhcpv6_client) {
    ALKAID_REQUIRE(headers.protocol == ip_protocol::kUdp && !headers.is_fragment);
    ALKAID_REQUIRE(headers.source_port.host() == 546 && headers.destination_port.host() == 547);
  }
}

void check_l4(Bytes bytes, const FrameHeaders& headers) {
  const std::size_t size = l4_header_size(headers.protocol);
  const bool has_ports = headers.l4_offset != 0 && size != 0 &&
                         headers.protocol != ip_protocol::kIcmp &&
                         headers.protocol != ip_protocol::kIcmpv6;
  if (headers.l4_offset != 0 && size != 0) {
    ALKAID_REQUIRE(headers.l4_offset + size <= headers.l3_end);
    ALKAID_REQUIRE(headers.l4_offset + size <= bytes.size());
  }
  if (has_ports) {
    const auto& ports = *reinterpret_cast<const UdpHeader*>(bytes.data() + headers.l4_offset);
    ALKAID_REQUIRE(headers.source_port == ports.source_port);
    ALKAID_REQUIRE(headers.destination_port == ports.destination_port);
    if (headers.protocol == ip_protocol::kUdp && !headers.is_fragment) {
      ALKAID_REQUIRE(ports.length.host() >= sizeof(UdpHeader));
      ALKAID_REQUIRE(headers.l4_offset + ports.length.host() <= headers.l3_end);
    }
  } else {
    ALKAID_REQUIRE(headers.source_port.raw() == 0 && headers.destination_port.raw() == 0);
  }
  if (headers.is_dhcp_client) {
    ALKAID_REQUIRE(headers.kind == FrameHeaders::Kind::kIpv4 && has_ports && !headers.is_fragment);
    ALKAID_REQUIRE(headers.protocol == ip_protocol::kUdp);
    ALKAID_REQUIRE(headers.destination_port.host() == 67);
    ALKAID_REQUIRE(headers.source_port.host() == 68 || headers.source_port.host() == 67);
  }
}

void check_frame(Bytes bytes, std::size_t total) {
  FrameHeaders headers;
  const DropReason reason = parse_frame(bytes, total, headers);
  ALKAID_REQUIRE(reason < DropReason::kCount);
  if (reason != DropReason::kNone) {
    return;
  }
  ALKAID_REQUIRE(headers.l3_offset == sizeof(EthernetHeader));
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(bytes.data());
  ALKAID_REQUIRE(ethernet.source.is_unicast());
  switch (headers.kind) {
    case FrameHeaders::Kind::kIpv4:
      ALKAID_REQUIRE(ethernet.type.host() == ether_type::kIpv4);
      check_ipv4(bytes, total, headers);
      check_l4(bytes, headers);
      break;
    case FrameHeaders::Kind::kIpv6:
      ALKAID_REQUIRE(ethernet.type.host() == ether_type::kIpv6);
      ALKAID_REQUIRE(headers.l3_offset + sizeof(Ipv6Header) <= bytes.size());
      check_ipv6(bytes, total, headers);
      check_l4(bytes, headers);
      break;
    case FrameHeaders::Kind::kArp:
      ALKAID_REQUIRE(ethernet.type.host() == ether_type::kArp);
      ALKAID_REQUIRE(headers.l3_end == headers.l3_offset + sizeof(ArpHeader));
      ALKAID_REQUIRE(headers.l3_end <= bytes.size() && headers.l4_offset == 0);
      break;
  }
}

void repair_ipv4_checksum(std::span<std::uint8_t> frame) {
  if (frame.size() < sizeof(EthernetHeader) + sizeof(Ipv4Header)) {
    return;
  }
  auto& ip = *reinterpret_cast<Ipv4Header*>(frame.data() + sizeof(EthernetHeader));
  if (ip.header_length() >= sizeof(Ipv4Header) &&
      sizeof(EthernetHeader) + ip.header_length() <= frame.size()) {
    ipv4_checksum_set(ip);
  }
}

void check_underlay(std::span<std::uint8_t> bytes, std::size_t total, const UnderlayFormat& format,
                    bool repair) {
  UnderlayHeaders headers;
  const DropReason reason = parse_underlay(bytes, total, format, headers);
  ALKAID_REQUIRE(reason < DropReason::kCount);
  if (reason != DropReason::kNone) {
    return;
  }
  if (headers.kind == UnderlayHeaders::Kind::kArp) {
    ALKAID_REQUIRE(headers.l3_offset + sizeof(ArpHeader) <= bytes.size());
    return;
  }
  ALKAID_REQUIRE(headers.outer_end <= total);
  if (headers.kind == UnderlayHeaders::Kind::kNeighborDiscovery) {
    ALKAID_REQUIRE(headers.l3_offset + sizeof(Ipv6Header) < bytes.size());
    ALKAID_REQUIRE(headers.l3_offset + sizeof(Ipv6Header) < headers.outer_end);
    return;
  }
  ALKAID_REQUIRE(headers.vni < 1U << 24);
  ALKAID_REQUIRE(headers.l3_offset ==
                 sizeof(EthernetHeader) + (format.vlan != 0 ? sizeof(VlanTag) : 0));
  const std::size_t ip_length = headers.is_v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  ALKAID_REQUIRE(headers.udp_offset >= headers.l3_offset + ip_length);
  ALKAID_REQUIRE(headers.inner_offset ==
                 headers.udp_offset + sizeof(UdpHeader) + sizeof(VxlanHeader));
  const std::size_t inner_header_end = headers.inner_offset + sizeof(EthernetHeader);
  ALKAID_REQUIRE(inner_header_end <= bytes.size() && inner_header_end <= headers.outer_end);
  // As the pipeline does it: the padding behind the outer packet is cut off first.
  const std::size_t contiguous = std::min(bytes.size(), headers.outer_end) - headers.inner_offset;
  const auto inner = bytes.subspan(headers.inner_offset, contiguous);
  if (repair) {
    repair_ipv4_checksum(inner);
  }
  check_frame(inner, headers.outer_end - headers.inner_offset);
}

}  // namespace
}  // namespace alkaid::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace alkaid::fuzz;
  constexpr std::size_t kControlBytes = 3;
  if (size < kControlBytes) {
    return 0;
  }
  const std::size_t rest_of_packet = static_cast<std::size_t>(data[0]) << 8 | data[1];
  const bool repair = (data[2] & 1) != 0;
  const std::uint16_t vlan = (data[2] & 2) != 0 ? 1 : 0;
  alkaid::test::ExactCopy buffer{{data + kControlBytes, size - kControlBytes}};
  const std::size_t total = buffer.size() + rest_of_packet;
  if (repair) {
    repair_ipv4_checksum(buffer.bytes());
  }
  check_frame(buffer.bytes(), total);
  check_underlay(buffer.bytes(), total, {.vlan = vlan}, repair);
  return 0;
}
