// The source guard in the pipeline: on by default, off per port. Its rules are tested in
// tests/unit/source_guard.
#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

Case spoofing_case(std::string name, const Bytes& frame, const std::string& reason) {
  return {.name = std::move(name),
          .port = "green-1",
          .in = [frame](auto&) { return Frames{frame}; },
          .out = {},
          .drops = {{"green-1 " + reason, 1}}};
}

Bytes ipv6_udp(const MacAddress& mac, const IpAddress& source, std::uint16_t source_port = 1000) {
  return packet()
      .ethernet({.source = mac, .destination = kGreen3.mac})
      .ipv6({.source = source})
      .udp({.source_port = source_port})
      .payload(Bytes(8))
      .build();
}

Bytes dhcp_offer() {
  return packet()
      .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
      .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
      .udp({.source_port = 67, .destination_port = 68})
      .payload(Bytes(240))
      .build();
}

// A message of neighbor discovery with a link address option (1: source's, 2: target's).
Bytes nd(std::uint8_t type, const IpAddress& source, const IpAddress& target, std::uint8_t option,
         const MacAddress& mac) {
  Bytes body(target.bytes().begin(), target.bytes().end());
  body.push_back(option);
  body.push_back(1);
  body.insert(body.end(), mac.bytes().begin(), mac.bytes().end());
  return packet()
      .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
      .ipv6({.source = source, .destination = link_local_address(kGreen3.mac), .hop_limit = 255})
      .icmpv6({.type = type, .word = 0})
      .payload(body)
      .build();
}

class Spoofing : public ::testing::TestWithParam<Case> {};

TEST_P(Spoofing, Case) {
  run_case(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Guest, Spoofing,
    ::testing::Values(
        spoofing_case("mac", udp_frame({kGreen1.ip, kGreen2.mac}, kGreen3.mac, kGreen3.ip),
                      "spoofed_mac"),
        spoofing_case("address", udp_frame({kGreen2.ip, kGreen1.mac}, kGreen3.mac, kGreen3.ip),
                      "spoofed_ip"),
        spoofing_case("routed", udp_frame({kGreen2.ip, kGreen1.mac}, kGreenGatewayMac, kRed1.ip),
                      "spoofed_ip"),
        spoofing_case("to_the_gateway",
                      echo_frame({kGreen2.ip, kGreen1.mac}, kGreenGatewayMac, kGreenGateway),
                      "spoofed_ip"),
        spoofing_case("no_address",
                      udp_frame({Ipv4Address{}, kGreen1.mac}, kGreen3.mac, kGreen3.ip),
                      "spoofed_ip"),
        spoofing_case("arp", arp_request({kGreen2.ip, kGreen1.mac}, kGreen3.ip), "spoofed_arp"),
        spoofing_case("arp_reply_for_the_gateway", arp_reply(kGreen1.mac, kGreenGateway, kGreen3),
                      "spoofed_arp"),
        spoofing_case("dhcp_server", dhcp_offer(), "rogue_dhcp_server"),
        spoofing_case("ipv6", ipv6_udp(kGreen1.mac, *IpAddress::parse("2001:db8::1")),
                      "spoofed_ip"),
        spoofing_case("ipv6_router",
                      ipv6_udp(kGreen1.mac, link_local_address(kServerMacWithoutIpv6Gateway)),
                      "spoofed_ip"),
        spoofing_case("dhcpv6_server", ipv6_udp(kGreen1.mac, link_local_address(kGreen1.mac), 547),
                      "rogue_dhcp_server"),
        spoofing_case("router_advertisement",
                      nd(icmpv6_type::kRouterAdvertisement, link_local_address(kGreen1.mac), {}, 1,
                         kGreen1.mac),
                      "rogue_router"),
        spoofing_case("redirect",
                      nd(icmpv6_type::kRedirect, link_local_address(kGreen1.mac),
                         link_local_address(kGreen1.mac), 2, kGreen1.mac),
                      "rogue_router"),
        spoofing_case("advertisement_of_anothers_address",
                      nd(icmpv6_type::kNeighborAdvertisement, link_local_address(kGreen1.mac),
                         *IpAddress::parse("fd00:1::d"), 2, kGreen1.mac),
                      "spoofed_nd"),
        spoofing_case("advertisement_of_the_router",
                      nd(icmpv6_type::kNeighborAdvertisement, link_local_address(kGreen1.mac),
                         link_local_address(kServerMacWithoutIpv6Gateway), 2, kGreen1.mac),
                      "spoofed_nd"),
        spoofing_case("advertisement_of_anothers_mac",
                      nd(icmpv6_type::kNeighborAdvertisement, link_local_address(kGreen1.mac),
                         link_local_address(kGreen1.mac), 2, kGreen3.mac),
                      "spoofed_nd"),
        spoofing_case("solicitation_with_anothers_mac",
                      nd(icmpv6_type::kNeighborSolicitation, link_local_address(kGreen1.mac),
                         link_local_address(kGreen3.mac), 1, kGreen3.mac),
                      "spoofed_nd")),
    name_of_case);

TEST(SourceGuard, LetsOwnAdvertisementsPass) {
  PipelineLab lab;
  const auto own = nd(icmpv6_type::kNeighborAdvertisement, link_local_address(kGreen1.mac),
                      link_local_address(kGreen1.mac), 2, kGreen1.mac);
  // Not made of the MAC (RFC 7217).
  const IpAddress stable = *IpAddress::parse("fe80::1234:5678:9abc:def0");
  const auto opaque = nd(icmpv6_type::kNeighborAdvertisement, stable, stable, 2, kGreen1.mac);
  lab.send("green-1", {own, opaque});
  EXPECT_EQ(lab.take("green-3"), (Frames{own, opaque}));
}

TEST(SourceGuard, CanBeSwitchedOffPerPort) {
  PipelineLab lab;
  const auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
  const Frames spoofed{udp_frame({kGreen2.ip, kGreen1.mac}, kGreen3.mac, kGreen3.ip),
                       udp_frame({kGreen1.ip, kGreen2.mac}, kGreen3.mac, kGreen3.ip), dhcp_offer()};
  ASSERT_FALSE(lab.programmer().set(unguarded(config)));
  lab.send("green-1", spoofed);
  EXPECT_EQ(lab.take("green-3"), spoofed);
  ASSERT_FALSE(lab.programmer().set(config));
  lab.send("green-1", spoofed);
  EXPECT_TRUE(lab.take("green-3").empty());
}

TEST(SourceGuard, AllowedAddressPairs) {
  PipelineLab lab;
  const MacAddress nested = MacAddress::from_number(0x020000010040);
  auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
  config.allowed_address_pairs = {{*IpPrefix::parse("10.1.0.64/28"), {}},
                                  {*IpPrefix::parse("10.1.0.80/28"), nested}};
  ASSERT_FALSE(lab.programmer().set(config));
  const auto from = [](const char* ip, const MacAddress& mac) {
    return udp_frame({*Ipv4Address::parse(ip), mac}, kGreen3.mac, kGreen3.ip);
  };
  lab.send("green-1", {from("10.1.0.79", kGreen1.mac), from("10.1.0.80", nested),
                       from("10.1.0.80", kGreen1.mac), from("10.1.0.79", nested)});
  EXPECT_EQ(lab.take("green-3"),
            (Frames{from("10.1.0.79", kGreen1.mac), from("10.1.0.80", nested)}));
  EXPECT_EQ(lab.drops("green-1", DropReason::spoofed_ip), 2U);
}

TEST(SourceGuard, IsForGuestsNotForTheWire) {
  PipelineLab lab;
  const auto frame = udp_frame({kGreen3.ip, kGreen2.mac}, kGreen1.mac, kGreen1.ip);
  lab.send("up", {tunnelled(frame, uplink_mac(lab))});
  EXPECT_EQ(lab.take("green-1"), Frames{frame});
}

}  // namespace
}  // namespace alkaid::test
