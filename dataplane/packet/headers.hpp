// Packet headers as they lie in memory. All are byte-aligned overlays; multi-byte fields are
// big-endian wrappers. Check the length before you overlay one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "control/common/net/byte_order.hpp"
#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid {

namespace ether_type {
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kQinQ = 0x88a8;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
}  // namespace ether_type

namespace ip_protocol {
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kIpv6Routing = 43;
inline constexpr std::uint8_t kIpv6Fragment = 44;
inline constexpr std::uint8_t kEncryptedPayload = 50;
inline constexpr std::uint8_t kAuthentication = 51;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kNoNextHeader = 59;
inline constexpr std::uint8_t kIpv6DestinationOptions = 60;
inline constexpr std::uint8_t kSctp = 132;
}  // namespace ip_protocol

namespace udp_port {
inline constexpr std::uint16_t kDhcpServer = 67;
inline constexpr std::uint16_t kDhcpClient = 68;
inline constexpr std::uint16_t kDhcpv6Client = 546;
inline constexpr std::uint16_t kDhcpv6Server = 547;
inline constexpr std::uint16_t kVxlan = 4789;
}  // namespace udp_port

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  BigEndian16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

// IEEE 802.1Q, behind an Ethernet header whose type is kVlan.
struct VlanTag {
  BigEndian16 control;  // priority, drop eligibility, VLAN id in the lower 12 bits
  BigEndian16 type;     // of what follows

  [[nodiscard]] constexpr std::uint16_t id() const { return control.host() & 0xfffU; }
};
static_assert(sizeof(VlanTag) == 4);

// RFC 826 for Ethernet and IPv4.
struct ArpHeader {
  static constexpr std::uint16_t kRequest = 1;
  static constexpr std::uint16_t kReply = 2;

  BigEndian16 hardware_type;  // 1
  BigEndian16 protocol_type;  // 0x0800
  std::uint8_t hardware_length;
  std::uint8_t protocol_length;
  BigEndian16 operation;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;
};
static_assert(sizeof(ArpHeader) == 28);

// RFC 791.
struct Ipv4Header {
  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kFragmentOffset = 0x1fff;

  std::uint8_t version_ihl;
  std::uint8_t tos;
  BigEndian16 total_length;
  BigEndian16 identification;
  BigEndian16 flags_offset;
  std::uint8_t ttl;
  std::uint8_t protocol;
  BigEndian16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  [[nodiscard]] constexpr unsigned version() const { return version_ihl >> 4; }
  [[nodiscard]] constexpr unsigned header_length() const { return (version_ihl & 0xfU) * 4; }
  [[nodiscard]] constexpr bool is_fragment() const {
    return (flags_offset.host() & (kMoreFragments | kFragmentOffset)) != 0;
  }
  [[nodiscard]] constexpr bool is_later_fragment() const {
    return (flags_offset.host() & kFragmentOffset) != 0;
  }
};
static_assert(sizeof(Ipv4Header) == 20);

// RFC 8200.
struct Ipv6Header {
  BigEndian32 version_class_label;
  BigEndian16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  std::array<std::uint8_t, 16> source;
  std::array<std::uint8_t, 16> destination;
};
static_assert(sizeof(Ipv6Header) == 40);

// RFC 8200, 4.3, 4.4 and 4.6, and RFC 4302: how every extension header but the fragment header
// begins.
struct Ipv6ExtensionHeader {
  std::uint8_t next_header;
  std::uint8_t length;  // beyond the first 8 bytes in units of 8; of AH all in units of 4, minus 2
};
static_assert(sizeof(Ipv6ExtensionHeader) == 2);

// RFC 8200, 4.5.
struct Ipv6FragmentHeader {
  std::uint8_t next_header;
  std::uint8_t reserved;
  BigEndian16 offset_flags;  // offset in units of 8 in the upper 13 bits
  BigEndian32 identification;

  // In bytes.
  [[nodiscard]] constexpr std::size_t offset() const { return offset_flags.host() & 0xfff8U; }
  [[nodiscard]] constexpr bool more_fragments() const { return (offset_flags.host() & 1U) != 0; }
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

// RFC 768.
struct UdpHeader {
  BigEndian16 source_port;
  BigEndian16 destination_port;
  BigEndian16 length;
  BigEndian16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

// RFC 9293, fixed part.
struct TcpHeader {
  BigEndian16 source_port;
  BigEndian16 destination_port;
  BigEndian32 sequence;
  BigEndian32 acknowledgment;
  std::uint8_t data_offset;
  std::uint8_t flags;
  BigEndian16 window;
  BigEndian16 checksum;
  BigEndian16 urgent;
};
static_assert(sizeof(TcpHeader) == 20);

// RFC 792, echo and echo reply.
struct IcmpEchoHeader {
  static constexpr std::uint8_t kEchoReply = 0;
  static constexpr std::uint8_t kEchoRequest = 8;

  std::uint8_t type;
  std::uint8_t code;
  BigEndian16 checksum;
  BigEndian16 identifier;
  BigEndian16 sequence;
};
static_assert(sizeof(IcmpEchoHeader) == 8);

// RFC 4443: types that the data plane tells apart.
namespace icmpv6_type {
inline constexpr std::uint8_t kDestinationUnreachable = 1;
inline constexpr std::uint8_t kPacketTooBig = 2;
inline constexpr std::uint8_t kTimeExceeded = 3;
inline constexpr std::uint8_t kFirstInformational = 128;  // below: errors
inline constexpr std::uint8_t kEchoRequest = 128;
inline constexpr std::uint8_t kEchoReply = 129;
inline constexpr std::uint8_t kListenerQuery = 130;  // RFC 2710
inline constexpr std::uint8_t kListenerDone = 132;
inline constexpr std::uint8_t kRouterSolicitation = 133;  // RFC 4861
inline constexpr std::uint8_t kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighborSolicitation = 135;
inline constexpr std::uint8_t kNeighborAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
inline constexpr std::uint8_t kListenerReportV2 = 143;  // RFC 3810
}  // namespace icmpv6_type

// RFC 7348, section 5.
struct VxlanHeader {
  static constexpr std::uint8_t kVniPresent = 0x08;

  std::uint8_t flags;
  std::uint8_t reserved_1[3];
  BigEndian32 vni_reserved;  // VNI in the upper 24 bits

  [[nodiscard]] constexpr std::uint32_t vni() const { return vni_reserved.host() >> 8; }
};
static_assert(sizeof(VxlanHeader) == 8);

}  // namespace alkaid
