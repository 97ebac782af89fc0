// The pipeline lab's network made dual stack, and its IPv6 frames.
#pragma once

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {

namespace net {

struct Station6 {
  IpAddress ip;
  MacAddress mac;
};

constexpr IpAddress green_v6(std::uint64_t host) {
  return IpAddress::from_numbers(0x20010db800010000, host);
}
constexpr IpAddress red_v6(std::uint64_t host) {
  return IpAddress::from_numbers(0x20010db800020000, host);
}

inline constexpr IpAddress kGreenGateway6 = green_v6(1);
inline constexpr IpAddress kRedGateway6 = red_v6(1);
// fe80::ff:fe01:1: of kGreenGatewayMac, 02:00:00:01:00:01.
inline constexpr IpAddress kGreenGatewayLinkLocal =
    IpAddress::from_numbers(0xfe80000000000000, 0x000000fffe010001);
inline constexpr Station6 kGreen1v6{green_v6(0xb), kGreen1.mac};
inline constexpr Station6 kGreen2v6{green_v6(0xc), kGreen2.mac};
inline constexpr Station6 kGreen3v6{green_v6(0xd), kGreen3.mac};
inline constexpr Station6 kRed1v6{red_v6(0xb), kRed1.mac};
inline constexpr Station6 kRed2v6{red_v6(0xc), kRed2.mac};

}  // namespace net

// Adds IPv6 to both subnets, their stations and their router. Without gateways: the subnets are
// isolated, but for what the router's routes say.
void program_ipv6(PipelineLab& lab);
// vtep: of the other host.
void program_ipv6_behind(PipelineLab& lab, const IpAddress& vtep);
void program_ipv6_without_gateways(PipelineLab& lab);

// A lab with program_ipv6 done.
struct Ipv6Lab : PipelineLab {
  Ipv6Lab() { program_ipv6(*this); }
};

using Outputs = std::map<std::string, std::vector<Bytes>>;

// A frame in, frames out, in the dual-stack network.
Case ipv6_case(const char* name, const char* port, const Bytes& in, Outputs out,
               std::map<std::string, std::uint64_t> drops = {});
// The same with a frame out of the peer's tunnel; frames to "up" go into it, of the same VNI.
Case ipv6_wire_case(const char* name, const Bytes& in, Outputs out,
                    std::map<std::string, std::uint64_t> drops = {}, Vni vni = net::kGreen);

inline Bytes udp6_frame(const net::Station6& from, const MacAddress& destination_mac,
                        const IpAddress& destination, std::uint8_t hop_limit = 64) {
  return packet()
      .ethernet({.source = from.mac, .destination = destination_mac})
      .ipv6({.source = from.ip, .destination = destination, .hop_limit = hop_limit})
      .udp({.source_port = 1234, .destination_port = 5678})
      .payload(Bytes(32, 0x5a))
      .build();
}

inline Bytes echo6_frame(const MacAddress& source_mac, const IpAddress& source,
                         const MacAddress& destination_mac, const IpAddress& destination,
                         const Icmpv6Fields& icmp = {}) {
  return packet()
      .ethernet({.source = source_mac, .destination = destination_mac})
      .ipv6({.source = source, .destination = destination})
      .icmpv6(icmp)
      .payload(Bytes(56, 0x11))
      .build();
}

struct NdFrame {
  std::uint8_t type = icmpv6_type::kNeighborSolicitation;
  MacAddress source_mac;
  MacAddress destination_mac;
  IpAddress source;
  IpAddress destination;
  IpAddress target;
  std::uint32_t flags = 0;
  Bytes options = {};
  std::uint8_t hop_limit = 255;
  std::uint8_t code = 0;
  std::optional<std::uint16_t> checksum = {};
};

inline Bytes nd_frame(const NdFrame& nd) {
  return packet()
      .ethernet({.source = nd.source_mac, .destination = nd.destination_mac})
      .ipv6({.source = nd.source, .destination = nd.destination, .hop_limit = nd.hop_limit})
      .icmpv6({.type = nd.type, .code = nd.code, .word = nd.flags, .checksum = nd.checksum})
      .payload(nd.target.bytes())
      .payload(nd.options)
      .build();
}

// 1: source link address, 2: target link address.
inline Bytes link_option(std::uint8_t type, const MacAddress& mac) {
  Bytes option{type, 1};
  option.insert(option.end(), mac.bytes().begin(), mac.bytes().end());
  return option;
}

inline IpAddress solicited_node(const IpAddress& target) {
  return IpAddress::from_numbers(0xff02000000000000, 0x1ff000000 | (target.low() & 0xffffff));
}

// Written out, not computed as the data plane does it.
inline MacAddress group_mac(const IpAddress& group) {
  const auto& bytes = group.bytes();
  return MacAddress{{0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]}};
}

// As a station that doesn't know the target's MAC asks.
inline Bytes solicitation(const net::Station6& from, const IpAddress& target) {
  const IpAddress group = solicited_node(target);
  return nd_frame({.source_mac = from.mac,
                   .destination_mac = group_mac(group),
                   .source = from.ip,
                   .destination = group,
                   .target = target,
                   .options = link_option(1, from.mac)});
}

// As one that has doubts asks (RFC 4861, 7.3).
inline Bytes unreachability_probe(const net::Station6& from, const net::Station6& target) {
  return nd_frame({.source_mac = from.mac,
                   .destination_mac = target.mac,
                   .source = from.ip,
                   .destination = target.ip,
                   .target = target.ip});
}

// RFC 4862, 5.4.2.
inline Bytes duplicate_probe(const MacAddress& from, const IpAddress& target) {
  const IpAddress group = solicited_node(target);
  return nd_frame({.source_mac = from,
                   .destination_mac = group_mac(group),
                   .destination = group,
                   .target = target});
}

inline constexpr std::uint32_t kRouterFlag = 0x80000000;
inline constexpr std::uint32_t kSolicitedFlag = 0x40000000;
inline constexpr std::uint32_t kOverrideFlag = 0x20000000;

inline Bytes advertisement(const net::Station6& target, const net::Station6& to,
                           std::uint32_t flags = kSolicitedFlag | kOverrideFlag) {
  return nd_frame({.type = icmpv6_type::kNeighborAdvertisement,
                   .source_mac = target.mac,
                   .destination_mac = to.mac,
                   .source = target.ip,
                   .destination = to.ip,
                   .target = target.ip,
                   .flags = flags,
                   .options = link_option(2, target.mac)});
}

inline constexpr net::Station6 kAllNodesStation{IpAddress::from_numbers(0xff02000000000000, 1),
                                                MacAddress::from_number(0x333300000001)};

}  // namespace alkaid::test
