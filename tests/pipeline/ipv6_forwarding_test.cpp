// IPv6 bridged and routed, on this host and across.
#include <gtest/gtest.h>

#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

class Ipv6Forwarding : public ::testing::TestWithParam<Case> {};

TEST_P(Ipv6Forwarding, Case) {
  run_case(GetParam());
}

// From green-1's station, as it leaves a router: other MACs, one hop less.
Bytes routed(const Station6& from, const MacAddress& source_mac, const Station6& to,
             std::uint8_t hop_limit = 63) {
  return udp6_frame({from.ip, source_mac}, to.mac, to.ip, hop_limit);
}

Case into_the_tunnel(const char* name, const Bytes& in, const Bytes& inner, Vni vni) {
  Case c = ipv6_case(name, "green-1", in, {});
  c.out = [inner, vni](PipelineLab& lab) {
    return Outputs{{"up", {encapsulated(uplink_mac(lab), inner, vni)}}};
  };
  return c;
}

INSTANTIATE_TEST_SUITE_P(
    Bridge, Ipv6Forwarding,
    ::testing::Values(
        ipv6_case("local", "green-1", udp6_frame(kGreen1v6, kGreen3.mac, kGreen3v6.ip),
                  {{"green-3", {udp6_frame(kGreen1v6, kGreen3.mac, kGreen3v6.ip)}}}),
        into_the_tunnel("remote", udp6_frame(kGreen1v6, kGreen2.mac, kGreen2v6.ip),
                        udp6_frame(kGreen1v6, kGreen2.mac, kGreen2v6.ip), kGreen),
        ipv6_wire_case("from_the_wire", udp6_frame(kGreen2v6, kGreen1.mac, kGreen1v6.ip),
                       {{"green-1", {udp6_frame(kGreen2v6, kGreen1.mac, kGreen1v6.ip)}}}),
        ipv6_case("multicast", "green-1",
                  udp6_frame(kGreen1v6, kAllNodesStation.mac, kAllNodesStation.ip), {},
                  {{"green-1 multicast_unsupported", 1}})),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Route, Ipv6Forwarding,
    ::testing::Values(
        ipv6_case("local", "green-1", udp6_frame(kGreen1v6, kGreenGatewayMac, kRed1v6.ip),
                  {{"red-1", {routed(kGreen1v6, kRedGatewayMac, kRed1v6)}}}),
        ipv6_case("last_hop_but_one", "green-1",
                  udp6_frame(kGreen1v6, kGreenGatewayMac, kRed1v6.ip, 2),
                  {{"red-1", {routed(kGreen1v6, kRedGatewayMac, kRed1v6, 1)}}}),
        into_the_tunnel("remote_with_the_host_dvr_mac",
                        udp6_frame(kGreen1v6, kGreenGatewayMac, kRed2v6.ip),
                        routed(kGreen1v6, kDvrMac, kRed2v6), kRed),
        ipv6_wire_case("the_gateways_mac_is_restored",
                       udp6_frame({kGreen2v6.ip, MacAddress::from_number(0xfe1611000002)},
                                  kRed1.mac, kRed1v6.ip, 63),
                       {{"red-1", {routed(kGreen2v6, kRedGatewayMac, kRed1v6)}}}, {}, kRed),
        ipv6_wire_case("from_the_wire_to_the_gateways_mac",
                       udp6_frame(kGreen2v6, kGreenGatewayMac, kRed1v6.ip),
                       {{"red-1", {routed(kGreen2v6, kRedGatewayMac, kRed1v6)}}}),
        ipv6_wire_case("never_from_tunnel_to_tunnel",
                       udp6_frame(kGreen2v6, kGreenGatewayMac, kRed2v6.ip), {},
                       {{"up vxlan_not_local", 1}}),
        ipv6_wire_case("hops_used_up_on_the_wire",
                       udp6_frame(kGreen2v6, kGreenGatewayMac, kRed1v6.ip, 1), {},
                       {{"up ttl_exceeded", 1}}),
        ipv6_case("group", "green-1", udp6_frame(kGreen1v6, kGreenGatewayMac, kAllNodesStation.ip),
                  {}, {{"green-1 beyond_scope", 1}}),
        ipv6_case("no_source", "green-1",
                  packet()
                      .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
                      .ipv6({.source = IpAddress{}, .destination = kRed1v6.ip})
                      .udp({.source_port = 546, .destination_port = 547})
                      .build(),
                  {}, {{"green-1 beyond_scope", 1}})),
    name_of_case);

// A packet with extension headers goes where its address says.
TEST(Ipv6Routes, ExtensionHeadersTravel) {
  Ipv6Lab lab;
  const auto frames = [](const MacAddress& source, const MacAddress& destination,
                         std::uint8_t hop_limit) {
    const auto front =
        packet()
            .ethernet({.source = source, .destination = destination})
            .ipv6({.source = kGreen1v6.ip, .destination = kRed1v6.ip, .hop_limit = hop_limit})
            .ipv6_extension({.number = ip_protocol::kHopByHop});
    return Frames{front.ipv6_fragment({.more_fragments = true}).tcp().payload_of_size(12).build(),
                  front.ipv6_fragment({.offset = 4, .next_header = ip_protocol::kTcp})
                      .payload_of_size(32)
                      .build()};
  };
  lab.send("green-1", frames(kGreen1.mac, kGreenGatewayMac, 64));
  EXPECT_EQ(lab.take("red-1"), frames(kRedGatewayMac, kRed1.mac, 63));
}

TEST(Ipv6Routes, TheLongestPrefixDecides) {
  Ipv6Lab lab;
  const auto prefix = [](const char* text) { return *IpPrefix::parse(text); };
  auto& programmer = lab.programmer();
  ASSERT_FALSE(programmer.set(RouteConfig{{kRouter, prefix("::/0")}, BlackholeAction{}}));
  ASSERT_FALSE(
      programmer.set(RouteConfig{{kRouter, prefix("2001:db8:f::/48")}, NextHopAction{kRed1v6.ip}}));
  ASSERT_FALSE(
      programmer.set(RouteConfig{{kRouter, prefix("2001:db8:f:1::/64")}, BlackholeAction{}}));
  const auto to = [](const char* destination) {
    return udp6_frame(kGreen1v6, kGreenGatewayMac, *IpAddress::parse(destination));
  };
  lab.send("green-1", {to("2001:db8:f:2::5")});
  EXPECT_EQ(lab.take("red-1"), Frames{routed(kGreen1v6, kRedGatewayMac,
                                             {*IpAddress::parse("2001:db8:f:2::5"), kRed1.mac})});
  lab.send("green-1", {to("2001:db8:f:1::5"), to("2001:db8:ffff::1")});
  EXPECT_TRUE(lab.take("red-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::route_blackhole), 2U);
}

// To a VPC gateway: into its tunnel, to its MAC.
TEST(Ipv6Routes, RemoteRoutesLeadIntoTheirTunnel) {
  Ipv6Lab lab;
  constexpr Vni kVni = Vni::from_trusted(7777);
  constexpr MacAddress kMac = MacAddress::from_number(0x0200000000f1);
  ASSERT_FALSE(lab.programmer().set(RouteConfig{{kRouter, *IpPrefix::parse("::/0")},
                                                RemoteAction{IpAddress{kPeerVtep}, kVni, kMac}}));
  const IpAddress destination = *IpAddress::parse("2001:db8:ffff::1");
  lab.send("green-1", {udp6_frame(kGreen1v6, kGreenGatewayMac, destination),
                       udp6_frame(kGreen1v6, kGreenGatewayMac, destination, 1)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(Bytes(out[0].begin() + 50, out[0].end()),
            udp6_frame({kGreen1v6.ip, kDvrMac}, kMac, destination, 63));
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 1U);
}

}  // namespace
}  // namespace alkaid::test
