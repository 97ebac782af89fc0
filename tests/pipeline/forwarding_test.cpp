// Bridging and routing, on this host and across.
#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

Bytes with_macs(Bytes frame, const MacAddress& destination, const MacAddress& source) {
  std::copy_n(destination.bytes().begin(), 6, frame.begin());
  std::copy_n(source.bytes().begin(), 6, frame.begin() + 6);
  return frame;
}

class Forwarding : public ::testing::TestWithParam<Case> {};

TEST_P(Forwarding, Case) {
  run_case(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Bridge, Forwarding,
    ::testing::Values(
        Case{.name = "local",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)}; },
             .out = [](auto&) -> std::map<std::string, std::vector<Bytes>> {
               return {{"green-3", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)}}};
             }},
        Case{.name = "remote",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)}; },
             .out = [](PipelineLab& lab) -> std::map<std::string, std::vector<Bytes>> {
               return {{"up",
                        {encapsulated(uplink_mac(lab), udp_frame(kGreen1, kGreen2.mac, kGreen2.ip),
                                      kGreen)}}};
             }},
        Case{.name = "from_the_wire",
             .port = "up",
             .in =
                 [](PipelineLab& lab) {
                   return Frames{
                       tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab))};
                 },
             .out = [](auto&) -> std::map<std::string, std::vector<Bytes>> {
               return {{"green-1", {udp_frame(kGreen2, kGreen1.mac, kGreen1.ip)}}};
             }},
        Case{.name = "unknown_mac",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kRed1.mac, kGreen2.ip)}; },
             .drops = {{"green-1 destination_mac_unknown", 1}}},
        Case{.name = "to_itself",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kGreen1.mac, kGreen1.ip)}; },
             .drops = {{"green-1 destination_is_source", 1}}},
        Case{.name = "broadcast",
             .port = "green-1",
             .in =
                 [](auto&) {
                   return Frames{udp_frame(kGreen1, kBroadcastMac, Ipv4Address{0xffffffff})};
                 },
             .drops = {{"green-1 multicast_unsupported", 1}}},
        Case{.name = "never_from_tunnel_to_tunnel",
             .port = "up",
             .in =
                 [](PipelineLab& lab) {
                   return Frames{
                       tunnelled(udp_frame(kGreen1, kGreen2.mac, kGreen2.ip), uplink_mac(lab))};
                 },
             .drops = {{"up vxlan_not_local", 1}}},
        Case{.name = "ipv6_between_local_guests",
             .port = "green-1",
             .in =
                 [](auto&) {
                   return Frames{packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .ipv6({.source = link_local_address(kGreen1.mac)})
                                     .udp()
                                     .payload(Bytes(8))
                                     .build()};
                 },
             .out = [](auto&) -> std::map<std::string, std::vector<Bytes>> {
               return {{"green-3",
                        {packet()
                             .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                             .ipv6({.source = link_local_address(kGreen1.mac)})
                             .udp()
                             .payload(Bytes(8))
                             .build()}}};
             }}),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Route, Forwarding,
    ::testing::Values(
        Case{.name = "local",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip)}; },
             .out = [](auto&) -> std::map<std::string, std::vector<Bytes>> {
               return {{"red-1",
                        {with_macs(udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip, 63), kRed1.mac,
                                   kRedGatewayMac)}}};
             }},
        Case{.name = "remote_with_the_host_dvr_mac",
             .port = "green-1",
             .in = [](auto&) { return Frames{udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip)}; },
             .out = [](PipelineLab& lab) -> std::map<std::string, std::vector<Bytes>> {
               return {{"up",
                        {encapsulated(uplink_mac(lab),
                                      with_macs(udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip, 63),
                                                kRed2.mac, kDvrMac),
                                      kRed)}}};
             }},
        Case{.name = "gateway_mac_restored_from_any_host",
             .port = "up",
             .in =
                 [](PipelineLab& lab) {
                   const auto inner =
                       with_macs(udp_frame(kRed2, kGreen1.mac, kGreen1.ip, 63), kGreen1.mac,
                                 MacAddress::from_number(0xfe1611abcdef));
                   return Frames{tunnelled(inner, uplink_mac(lab))};
                 },
             .out = [](auto&) -> std::map<std::string, std::vector<Bytes>> {
               return {{"green-1",
                        {with_macs(udp_frame(kRed2, kGreen1.mac, kGreen1.ip, 63), kGreen1.mac,
                                   kGreenGatewayMac)}}};
             }}),
    name_of_case);

TEST(Routing, LongestPrefixWins) {
  PipelineLab lab;
  // A host route into the void beside the connected subnet, and a default route behind both.
  ASSERT_FALSE(lab.programmer().set(
      RouteConfig{{kRouter, *IpPrefix::parse("10.2.0.11/32")}, BlackholeAction{}}));
  ASSERT_FALSE(lab.programmer().set(
      RouteConfig{{kRouter, *IpPrefix::parse("0.0.0.0/0")}, NextHopAction{IpAddress{kRed2.ip}}}));
  lab.send("green-1", {udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::route_blackhole), 1U);
  EXPECT_TRUE(lab.take("red-1").empty());
  lab.send("green-1", {udp_frame(kGreen1, kGreenGatewayMac, Ipv4Address{0xc0000201})});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U) << "the default route's next hop is red-2";
  EXPECT_EQ(MacAddress({out[0][50], out[0][51], out[0][52], out[0][53], out[0][54], out[0][55]}),
            kRed2.mac);
  lab.programmer().remove_route({kRouter, *IpPrefix::parse("10.2.0.11/32")});
  lab.send("green-1", {udp_frame(kGreen1, kGreenGatewayMac, kRed1.ip)});
  EXPECT_EQ(lab.take("red-1").size(), 1U);
}

TEST(Moves, LocalPortBecomesRemoteAndBack) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  // The neighbor appears while the port is still here: the port wins.
  ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen3)));
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  // The port goes: the neighbor serves without another message.
  lab.programmer().remove_port("green-3");
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("up").size(), 1U);
  // And back.
  ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("green-3", kGreen, kGreen3)));
  lab.programmer().remove_neighbor({kGreen, IpAddress{kGreen3.ip}});
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  EXPECT_TRUE(lab.take("up").empty());
}

TEST(Moves, NeighborMovesToAnotherHost) {
  PipelineLab lab;
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.vtep = IpAddress{Ipv4Address{0x0a000003}};
  ASSERT_FALSE(lab.programmer().set(neighbor));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  // The new host's MAC is not known yet, so nothing but the question for it may leave.
  EXPECT_EQ(lab.drops("green-1", DropReason::next_hop_unresolved), 1U);
  const auto out = lab.take("up");
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out[0][12], 0x08);
  EXPECT_EQ(out[0][13], 0x06) << "an ARP request";
}

TEST(Ports, AdminDownDropsBothWays) {
  PipelineLab lab;
  auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
  config.admin_up = false;
  ASSERT_FALSE(lab.programmer().set(config));
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  lab.send("green-3", {udp_frame(kGreen3, kGreen1.mac, kGreen1.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::port_admin_down), 1U);
  EXPECT_EQ(lab.drops("green-3", DropReason::egress_port_down), 1U);
}

TEST(Ports, OverlappingAddressesOfTwoTenantsStayApart) {
  PipelineLab lab;
  lab.make_rings("other");
  const Vni other = Vni::from_trusted(2001);
  auto segment = PipelineLab::segment_config(kGreen);
  segment.vni = other;
  segment.router = 0;
  ASSERT_FALSE(lab.programmer().set(segment));
  ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("other", other, kGreen3)));
  lab.send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  EXPECT_TRUE(lab.take("other").empty());
  lab.send("up", {tunnelled(udp_frame(kGreen1, kGreen3.mac, kGreen3.ip), uplink_mac(lab),
                            {.vni = other.number()})});
  EXPECT_EQ(lab.take("other").size(), 1U);
  EXPECT_TRUE(lab.take("green-3").empty());
}

TEST(Ports, TooBigForTheUnderlayAndForTheGuest) {
  PipelineLab lab;
  const auto frame_of = [](const Station& from, const Station& to, std::size_t ip_length) {
    return packet()
        .ethernet({.source = from.mac, .destination = to.mac})
        .ipv4({.source = from.ip, .destination = to.ip})
        .udp()
        .payload(Bytes(ip_length - 28))
        .build();
  };
  lab.send("green-1", {frame_of(kGreen1, kGreen2, 1450), frame_of(kGreen1, kGreen2, 1451)});
  EXPECT_EQ(lab.take("up").size(), 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::underlay_too_big), 1U);
  lab.send("green-1", {frame_of(kGreen1, kGreen3, 1450), frame_of(kGreen1, kGreen3, 1451)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::egress_too_big), 1U);
}

}  // namespace
}  // namespace alkaid::test
