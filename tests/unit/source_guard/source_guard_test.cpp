#include "dataplane/source_guard/source_guard.hpp"

#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

constexpr MacAddress kMac = MacAddress::from_number(0x020000000001);
constexpr MacAddress kPairMac = MacAddress::from_number(0x00005e000101);
constexpr MacAddress kOtherMac = MacAddress::from_number(0x020000000002);
constexpr MacAddress kRouterMac = MacAddress::from_number(0x0200000000fe);
constexpr Ipv4Address kIp{0x0a000001};
constexpr Ipv4Address kSecondIp{0x0a000101};
constexpr Ipv4Address kOtherIp{0x0a000002};

IpAddress ip6(const char* text) {
  return *IpAddress::parse(text);
}

PortConfig port() {
  PortConfig config;
  config.mac = kMac;
  config.fixed_ips = {IpAddress{kIp}, IpAddress{kSecondIp}, ip6("fd00::1"), ip6("fd00:1::1")};
  config.allowed_address_pairs = {{*IpPrefix::parse("10.0.2.0/24"), {}},
                                  {*IpPrefix::parse("10.0.3.3/32"), kPairMac},
                                  {*IpPrefix::parse("fd00:2::/64"), kPairMac},
                                  {*IpPrefix::parse("fd00:3::/32"), {}}};
  return config;
}

GuardedRouter router() {
  return {ip6("fe80::1"), link_local_address(kRouterMac)};
}

struct Check {
  std::string name;
  Bytes frame;
  DropReason expected = DropReason::kNone;
};

Bytes ipv4(const MacAddress& mac, Ipv4Address source) {
  return packet().ethernet({.source = mac}).ipv4({.source = source}).udp().build();
}

Bytes ipv6(const MacAddress& mac, const IpAddress& source) {
  return packet().ethernet({.source = mac}).ipv6({.source = source}).udp().build();
}

Bytes arp(const MacAddress& frame_source, const MacAddress& sender, Ipv4Address ip,
          std::uint16_t operation = ArpHeader::kRequest) {
  return packet()
      .ethernet({.source = frame_source})
      .arp({.operation = operation, .sender_mac = sender, .sender_ip = ip})
      .build();
}

// What goes to a DHCP server; `operation`: 1 is a client's or relay's.
Bytes dhcp(std::uint16_t source_port, std::uint8_t operation, Ipv4Address source = kIp) {
  return packet()
      .ethernet({.source = kMac, .destination = kBroadcastMac})
      .ipv4({.source = source, .destination = Ipv4Address{0xffffffff}})
      .udp({.source_port = source_port, .destination_port = 67})
      .payload(Bytes(240, operation))
      .build();
}

struct Nd {
  std::uint8_t type = icmpv6_type::kNeighborSolicitation;
  IpAddress source = *IpAddress::parse("fd00::1");
  IpAddress target = *IpAddress::parse("fd00::99");
  std::optional<MacAddress> link_mac;
  MacAddress mac = kMac;
  std::uint8_t option_length = 1;
};

Bytes nd(const Nd& fields) {
  const bool has_target = fields.type != icmpv6_type::kRouterSolicitation;
  Bytes body;
  if (has_target) {
    body.assign(fields.target.bytes().begin(), fields.target.bytes().end());
  }
  if (fields.link_mac) {
    body.push_back(fields.type == icmpv6_type::kNeighborAdvertisement ? 2 : 1);
    body.push_back(fields.option_length);
    body.insert(body.end(), fields.link_mac->bytes().begin(), fields.link_mac->bytes().end());
  }
  const IpAddress group = IpAddress::from_numbers(0xff02000000000000ULL, 0x00000001ff000099ULL);
  return packet()
      .ethernet({.source = fields.mac})
      .ipv6({.source = fields.source, .destination = group, .hop_limit = 255})
      .icmpv6({.type = fields.type, .word = 0})
      .payload(body)
      .build();
}

class Guard : public ::testing::TestWithParam<Check> {};

TEST_P(Guard, Check) {
  ExactCopy frame{GetParam().frame};
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(frame.bytes(), frame.size(), headers), DropReason::kNone);
  EXPECT_EQ(SourceGuard{port()}.check(frame.bytes(), headers, router()), GetParam().expected);
}

std::string name_of(const ::testing::TestParamInfo<Check>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Ipv4, Guard,
    ::testing::Values(
        Check{"fixed", ipv4(kMac, kIp)}, Check{"second_fixed", ipv4(kMac, kSecondIp)},
        Check{"pair_prefix", ipv4(kMac, Ipv4Address{0x0a0002ff})},
        Check{"pair_with_mac", ipv4(kPairMac, Ipv4Address{0x0a000303})},
        Check{"beyond_pair_prefix", ipv4(kMac, Ipv4Address{0x0a000400}), DropReason::spoofed_ip},
        Check{"pair_with_ports_mac", ipv4(kMac, Ipv4Address{0x0a000303}), DropReason::spoofed_ip},
        Check{"fixed_with_pairs_mac", ipv4(kPairMac, kIp), DropReason::spoofed_ip},
        Check{"other_mac", ipv4(kOtherMac, kIp), DropReason::spoofed_mac},
        Check{"other_address", ipv4(kMac, kOtherIp), DropReason::spoofed_ip},
        Check{"no_address", ipv4(kMac, {}), DropReason::spoofed_ip},
        Check{"group_report",
              packet().ethernet({.source = kMac}).ipv4({.source = {}, .protocol = 2}).build()},
        Check{"later_fragment",
              packet()
                  .ethernet({.source = kMac})
                  .ipv4({.source = kOtherIp, .fragment_offset = 8})
                  .payload(Bytes(8))
                  .build(),
              DropReason::spoofed_ip},
        Check{"dhcp_client", dhcp(68, 1, {})}, Check{"dhcp_client_renewing", dhcp(68, 1)},
        Check{"dhcp_client_with_a_former_address", dhcp(68, 1, kOtherIp)},
        Check{"dhcp_relay", dhcp(67, 1)},
        Check{"dhcp_relay_with_others_address", dhcp(67, 1, kOtherIp), DropReason::spoofed_ip},
        Check{"dhcp_server_to_a_relay", dhcp(67, 2), DropReason::rogue_dhcp_server},
        Check{"dhcp_server_that_says_nothing",
              packet()
                  .ethernet({.source = kMac})
                  .ipv4({.source = kIp})
                  .udp({.source_port = 67, .destination_port = 67})
                  .build(),
              DropReason::rogue_dhcp_server},
        Check{"dhcp_server",
              packet()
                  .ethernet({.source = kMac})
                  .ipv4({.source = kIp})
                  .udp({.source_port = 67, .destination_port = 68})
                  .build(),
              DropReason::rogue_dhcp_server},
        Check{"tcp_from_port_67", packet()
                                      .ethernet({.source = kMac})
                                      .ipv4({.source = kIp})
                                      .tcp({.source_port = 67})
                                      .build()}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Arp, Guard,
    ::testing::Values(
        Check{"request", arp(kMac, kMac, kIp)},
        Check{"reply", arp(kMac, kMac, kSecondIp, ArpHeader::kReply)},
        Check{"probe", arp(kMac, kMac, {})},
        Check{"pair", arp(kPairMac, kPairMac, Ipv4Address{0x0a000303}, ArpHeader::kReply)},
        Check{"other_frame_source", arp(kOtherMac, kMac, kIp), DropReason::spoofed_mac},
        Check{"pairs_frame_source", arp(kPairMac, kMac, kIp), DropReason::spoofed_arp},
        Check{"other_sender_mac", arp(kMac, kOtherMac, kIp), DropReason::spoofed_arp},
        Check{"other_sender_address", arp(kMac, kMac, kOtherIp), DropReason::spoofed_arp},
        Check{"reply_from_nobody", arp(kMac, kMac, {}, ArpHeader::kReply),
              DropReason::spoofed_arp}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Ipv6, Guard,
    ::testing::Values(
        Check{"fixed", ipv6(kMac, ip6("fd00::1"))},
        Check{"second_fixed", ipv6(kMac, ip6("fd00:1::1"))},
        Check{"pair_prefix", ipv6(kMac, ip6("fd00:3:4:5::6"))},
        Check{"pair_with_mac", ipv6(kPairMac, ip6("fd00:2::1234"))},
        Check{"pair_with_ports_mac", ipv6(kMac, ip6("fd00:2::1234")), DropReason::spoofed_ip},
        Check{"beyond_pair_prefix", ipv6(kPairMac, ip6("fd00:2:0:1::1")), DropReason::spoofed_ip},
        Check{"other", ipv6(kMac, ip6("fd00::2")), DropReason::spoofed_ip},
        Check{"other_mac", ipv6(kOtherMac, ip6("fd00::1")), DropReason::spoofed_mac},
        Check{"link_local", ipv6(kMac, link_local_address(kMac))},
        Check{"link_local_stable_privacy", ipv6(kMac, ip6("fe80::1234:5678:9abc:def0"))},
        Check{"link_local_other_mac", ipv6(kOtherMac, link_local_address(kOtherMac)),
              DropReason::spoofed_mac},
        Check{"routers_configured_link_local", ipv6(kMac, ip6("fe80::1")), DropReason::spoofed_ip},
        Check{"routers_derived_link_local", ipv6(kMac, link_local_address(kRouterMac)),
              DropReason::spoofed_ip},
        Check{"dhcp_client_from_nobody", packet()
                                             .ethernet({.source = kMac})
                                             .ipv6({.source = {}})
                                             .udp({.source_port = 546, .destination_port = 547})
                                             .build()},
        Check{"group_report_from_nobody",
              packet()
                  .ethernet({.source = kMac})
                  .ipv6({.source = {}})
                  .icmpv6({.type = icmpv6_type::kListenerReportV2, .word = 0})
                  .build()},
        Check{"dhcp_server",
              packet()
                  .ethernet({.source = kMac})
                  .ipv6({.source = ip6("fd00::1")})
                  .udp({.source_port = 547, .destination_port = 546})
                  .build(),
              DropReason::rogue_dhcp_server}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    NeighborDiscovery, Guard,
    ::testing::Values(
        Check{"solicitation", nd({.link_mac = kMac})}, Check{"solicitation_without_option", nd({})},
        Check{"solicitation_from_link_local",
              nd({.source = ip6("fe80::1234:5678:9abc:def0"), .link_mac = kMac})},
        Check{"probe", nd({.source = {}})},
        Check{"solicitation_with_others_mac", nd({.link_mac = kOtherMac}), DropReason::spoofed_nd},
        Check{"solicitation_with_pairs_mac", nd({.link_mac = kPairMac}), DropReason::spoofed_nd},
        Check{"solicitation_from_link_local_with_others_mac",
              nd({.source = link_local_address(kMac), .link_mac = kOtherMac}),
              DropReason::spoofed_nd},
        Check{"solicitation_from_other", nd({.source = ip6("fd00::2")}), DropReason::spoofed_ip},
        Check{"router_solicitation",
              nd({.type = icmpv6_type::kRouterSolicitation, .link_mac = kMac})},
        Check{"router_solicitation_with_others_mac",
              nd({.type = icmpv6_type::kRouterSolicitation, .link_mac = kOtherMac}),
              DropReason::spoofed_nd},
        Check{"router_solicitation_malformed",  // for the service to refuse
              nd({.type = icmpv6_type::kRouterSolicitation, .link_mac = kMac, .option_length = 0})},
        Check{"advertisement", nd({.type = icmpv6_type::kNeighborAdvertisement,
                                   .target = ip6("fd00:1::1"),
                                   .link_mac = kMac})},
        Check{"advertisement_of_pair", nd({.type = icmpv6_type::kNeighborAdvertisement,
                                           .target = ip6("fd00:2::7"),
                                           .link_mac = kPairMac})},
        Check{"advertisement_of_link_local", nd({.type = icmpv6_type::kNeighborAdvertisement,
                                                 .target = link_local_address(kMac),
                                                 .link_mac = kMac})},
        Check{"advertisement_without_option",
              nd({.type = icmpv6_type::kNeighborAdvertisement, .target = ip6("fd00::2")}),
              DropReason::spoofed_nd},
        Check{"advertisement_of_other",
              nd({.type = icmpv6_type::kNeighborAdvertisement,
                  .target = ip6("fd00::2"),
                  .link_mac = kMac}),
              DropReason::spoofed_nd},
        Check{"advertisement_of_router",
              nd({.type = icmpv6_type::kNeighborAdvertisement,
                  .target = link_local_address(kRouterMac),
                  .link_mac = kMac}),
              DropReason::spoofed_nd},
        Check{"advertisement_with_others_mac",
              nd({.type = icmpv6_type::kNeighborAdvertisement,
                  .target = ip6("fd00::1"),
                  .link_mac = kOtherMac}),
              DropReason::spoofed_nd},
        Check{"empty_option", nd({.link_mac = kMac, .option_length = 0}), DropReason::nd_malformed},
        Check{"overlong_option", nd({.link_mac = kMac, .option_length = 2}),
              DropReason::nd_malformed},
        Check{"router_advertisement", nd({.type = icmpv6_type::kRouterAdvertisement}),
              DropReason::rogue_router},
        Check{"redirect", nd({.type = icmpv6_type::kRedirect}), DropReason::rogue_router},
        // Behind extension headers too (RFC 7113).
        Check{"hidden_router_advertisement",
              packet()
                  .ethernet({.source = kMac})
                  .ipv6({.source = link_local_address(kMac), .hop_limit = 255})
                  .ipv6_extension({})
                  .icmpv6({.type = icmpv6_type::kRouterAdvertisement, .word = 0})
                  .build(),
              DropReason::rogue_router}),
    name_of);

TEST(Guard, AnyPrefixOfOneFamilySaysNothingOfTheOther) {
  PortConfig config;
  config.mac = kMac;
  config.allowed_address_pairs = {{*IpPrefix::parse("::/0"), {}}};
  const auto check = [&](const Bytes& frame) {
    FrameHeaders headers;
    EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
    return SourceGuard{config}.check(frame, headers, {});
  };
  EXPECT_EQ(check(ipv6(kMac, ip6("2001:db8::1"))), DropReason::kNone);
  EXPECT_EQ(check(ipv4(kMac, kIp)), DropReason::spoofed_ip);
  config.allowed_address_pairs = {{*IpPrefix::parse("0.0.0.0/0"), {}}};
  EXPECT_EQ(check(ipv6(kMac, ip6("2001:db8::1"))), DropReason::spoofed_ip);
  EXPECT_EQ(check(ipv4(kMac, kIp)), DropReason::kNone);
}

}  // namespace
}  // namespace alkaid::test
