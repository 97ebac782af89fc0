// The fields of each layer of a test packet: see packet_builder.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/packet/headers.hpp"

namespace alkaid::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr MacAddress kMacA = MacAddress::from_number(0x020000000001);
inline constexpr MacAddress kMacB = MacAddress::from_number(0x020000000002);
inline constexpr Ipv4Address kIpA{0x0a000001};  // 10.0.0.1
inline constexpr Ipv4Address kIpB{0x0a000002};

// Numbers kept for experiments, for payload that stands where a protocol was expected.
inline constexpr std::uint16_t kExperimentalEtherType = 0x88b5;  // IEEE 802
inline constexpr std::uint8_t kExperimentalProtocol = 253;       // RFC 3692

struct EthernetFields {
  MacAddress source = kMacA;
  MacAddress destination = kMacB;
  std::optional<std::uint16_t> type;
};

struct VlanFields {
  std::uint16_t id = 1;
  std::uint8_t priority = 0;
  std::uint16_t tag_type = ether_type::kVlan;
  std::optional<std::uint16_t> type;  // of what follows the tag
};

struct ArpFields {
  std::uint16_t operation = ArpHeader::kRequest;
  MacAddress sender_mac = kMacA;
  Ipv4Address sender_ip = kIpA;
  MacAddress target_mac;
  Ipv4Address target_ip = kIpB;
  std::uint16_t hardware_type = 1;
  std::uint16_t protocol_type = ether_type::kIpv4;
  std::uint8_t hardware_length = 6;
  std::uint8_t protocol_length = 4;
};

struct Ipv4Fields {
  Ipv4Address source = kIpA;
  Ipv4Address destination = kIpB;
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t identification = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  // in units of 8 bytes
  Bytes options;                      // padded with end-of-list to a multiple of 4
  std::uint8_t version = 4;
  std::optional<std::uint8_t> ihl;  // in units of 4 bytes
  std::optional<std::uint16_t> total_length;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> checksum;
};

struct Ipv6Fields {
  IpAddress source = IpAddress::from_numbers(0x20010db800000000, 1);
  IpAddress destination = IpAddress::from_numbers(0x20010db800000000, 2);
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint8_t version = 6;
  std::optional<std::uint16_t> payload_length;
  std::optional<std::uint8_t> next_header;
};

struct Ipv6ExtensionFields {
  std::uint8_t number = ip_protocol::kIpv6DestinationOptions;
  std::uint8_t more_words = 0;  // of 8 bytes, behind the first
  std::optional<std::uint8_t> next_header;
  std::optional<std::uint8_t> length;  // as written
};

struct Ipv6FragmentFields {
  std::uint16_t offset = 0;  // in units of 8 bytes
  bool more_fragments = false;
  std::uint32_t identification = 1;
  std::optional<std::uint8_t> next_header;
};

struct UdpFields {
  std::uint16_t source_port = 1000;
  std::uint16_t destination_port = 2000;
  std::optional<std::uint16_t> length;
  std::optional<std::uint16_t> checksum;  // 0: sent without
};

struct TcpFields {
  static constexpr std::uint8_t kFin = 0x01;
  static constexpr std::uint8_t kSyn = 0x02;
  static constexpr std::uint8_t kReset = 0x04;
  static constexpr std::uint8_t kAck = 0x10;

  std::uint16_t source_port = 1000;
  std::uint16_t destination_port = 2000;
  std::uint32_t sequence = 1;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = kSyn;
  std::uint16_t window = 0xffff;
  Bytes options;                            // padded with end-of-list to a multiple of 4
  std::optional<std::uint8_t> data_offset;  // in units of 4 bytes
  std::optional<std::uint16_t> checksum;
};

struct IcmpFields {
  std::uint8_t type = IcmpEchoHeader::kEchoRequest;
  std::uint8_t code = 0;
  std::uint16_t identifier = 1;
  std::uint16_t sequence = 1;
  std::optional<std::uint16_t> checksum;
};

struct Icmpv6Fields {
  std::uint8_t type = icmpv6_type::kEchoRequest;
  std::uint8_t code = 0;
  std::uint32_t word = 0x00010001;  // behind the checksum
  std::optional<std::uint16_t> checksum;
};

struct VxlanFields {
  std::uint32_t vni = 1;
  std::uint8_t flags = VxlanHeader::kVniPresent;
};

}  // namespace alkaid::test
