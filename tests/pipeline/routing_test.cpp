// Routing rules: the longest prefix over the router's routes and the subnet's own, and what each
// kind of route does.
#include <gtest/gtest.h>

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint64_t kOwnTable = 0x6f776e;
constexpr MacAddress kVpcGatewayMac = MacAddress::from_number(0x0200000000f1);
constexpr Vni kVpcGatewayVni = Vni::from_trusted(7777);
constexpr Ipv4Address kInternet{0xc0000201};

RouteConfig route(std::uint64_t table, const char* prefix, decltype(RouteConfig::action) action) {
  return {{table, *IpPrefix::parse(prefix)}, std::move(action)};
}

RemoteAction vpc_gateway() {
  return {IpAddress{kPeerVtep}, kVpcGatewayVni, kVpcGatewayMac};
}

// The green subnet with rules of its own.
SegmentConfig green_with_rules() {
  auto segment = PipelineLab::segment_config(kGreen);
  segment.route_table = kOwnTable;
  return segment;
}

Bytes to_the_gateway(Ipv4Address destination, std::uint8_t ttl = 64) {
  return udp_frame(kGreen1, kGreenGatewayMac, destination, ttl);
}

MacAddress mac_at(const Bytes& frame, std::size_t offset) {
  std::array<std::uint8_t, 6> bytes{};
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), 6, bytes.begin());
  return MacAddress{bytes};
}

struct LookupCase {
  const char* name;
  std::vector<RouteConfig> routes;
  const char* destination;
  // Which route is expected, by table and length; table 0: none.
  std::uint64_t table;
  std::uint8_t length;
};

class RouteLookup : public ::testing::TestWithParam<LookupCase> {};

TEST_P(RouteLookup, LongestPrefixOverBothTables) {
  constexpr std::uint64_t kRouters = 71;
  constexpr std::uint64_t kOwn = 72;
  const LookupCase& c = GetParam();
  PipelineLab lab;
  RouteTable& table = lab.dataplane().tables().routes;
  Segment segment;
  bool has_routers = false;
  bool has_own = false;
  for (const auto& config : c.routes) {
    ASSERT_FALSE(lab.programmer().set(config));
    has_routers |= config.key.table == kRouters;
    has_own |= config.key.table == kOwn;
  }
  segment.routes = has_routers ? table.acquire(kRouters) : nullptr;
  segment.own_routes = has_own ? table.acquire(kOwn) : nullptr;
  const Route* found = table.lookup(segment, *IpAddress::parse(c.destination));
  if (c.table == 0) {
    EXPECT_EQ(found, nullptr);
  } else {
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->config.key.table, c.table);
    EXPECT_EQ(found->config.key.prefix.length, c.length);
  }
  if (has_routers) {
    table.release(kRouters);
  }
  if (has_own) {
    table.release(kOwn);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Routes, RouteLookup,
    ::testing::Values(
        LookupCase{"own_longer",
                   {route(71, "10.2.0.0/24", ConnectedAction{kRed}),
                    route(72, "10.2.0.128/25", BlackholeAction{})},
                   "10.2.0.200",
                   72,
                   25},
        LookupCase{"routers_longer",
                   {route(71, "10.2.0.0/24", ConnectedAction{kRed}),
                    route(72, "10.2.0.0/16", BlackholeAction{})},
                   "10.2.0.200",
                   71,
                   24},
        LookupCase{"equal_lengths_connected_wins",
                   {route(71, "10.2.0.0/24", ConnectedAction{kRed}),
                    route(72, "10.2.0.0/24", BlackholeAction{})},
                   "10.2.0.200",
                   71,
                   24},
        LookupCase{"equal_lengths_own_wins_over_unconnected",
                   {route(71, "0.0.0.0/0", vpc_gateway()),
                    route(72, "0.0.0.0/0", NextHopAction{IpAddress{kRed2.ip}})},
                   "192.0.2.1",
                   72,
                   0},
        LookupCase{"same_length_other_prefix",
                   {route(71, "10.3.0.0/24", ConnectedAction{kRed}),
                    route(72, "10.2.0.0/24", BlackholeAction{})},
                   "10.2.0.200",
                   72,
                   24},
        LookupCase{"only_own", {route(72, "10.0.0.0/8", BlackholeAction{})}, "10.2.0.1", 72, 8},
        LookupCase{"only_routers", {route(71, "10.0.0.0/8", vpc_gateway())}, "10.2.0.1", 71, 8},
        LookupCase{"host_route", {route(72, "10.2.0.1/32", BlackholeAction{})}, "10.2.0.1", 72, 32},
        LookupCase{"none", {route(72, "10.2.0.1/32", BlackholeAction{})}, "10.2.0.2", 0, 0},
        LookupCase{"ipv6_own_longer",
                   {route(71, "2001:db8:1::/64", ConnectedAction{kRed}),
                    route(72, "2001:db8:1::7/128", BlackholeAction{})},
                   "2001:db8:1::7",
                   72,
                   128},
        LookupCase{"ipv6_across_words",
                   {route(71, "2001:db8:1::/64", ConnectedAction{kRed}),
                    route(72, "2001:db8::/32", BlackholeAction{}),
                    route(72, "2001:db8:1::8000:0/97", BlackholeAction{})},
                   "2001:db8:1::1",
                   71,
                   64},
        LookupCase{"ipv6_default",
                   {route(71, "2001:db8:1::/64", ConnectedAction{kRed}),
                    route(72, "::/0", BlackholeAction{})},
                   "2001:db8:2::1",
                   72,
                   0},
        LookupCase{"families_are_apart", {route(72, "::/0", BlackholeAction{})}, "10.0.0.1", 0, 0}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(Routing, ABlackholeOfTheSubnetStopsWhatTheRouterWouldPass) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(green_with_rules()));
  const auto blackhole = route(kOwnTable, "10.2.0.11/32", BlackholeAction{});
  ASSERT_FALSE(lab.programmer().set(blackhole));
  lab.send("green-1", {to_the_gateway(kRed1.ip)});
  EXPECT_TRUE(lab.take("red-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::route_blackhole), 1U);
  // Other subnets don't have the rule.
  lab.send("red-1", {udp_frame(kRed1, kRedGatewayMac, kRed1.ip)});
  EXPECT_EQ(lab.take("red-1").size(), 1U);
  lab.programmer().remove_route(blackhole.key);
  lab.send("green-1", {to_the_gateway(kRed1.ip)});
  EXPECT_EQ(lab.take("red-1").size(), 1U);
}

TEST(Routing, ANextHopWorksAsSoonAsItsNeighborAppears) {
  PipelineLab lab;
  const Station appliance{Ipv4Address{0x0a020020}, MacAddress::from_number(0x020000020020)};
  ASSERT_FALSE(lab.programmer().set(green_with_rules()));
  ASSERT_FALSE(
      lab.programmer().set(route(kOwnTable, "0.0.0.0/0", NextHopAction{IpAddress{appliance.ip}})));
  lab.send("green-1", {to_the_gateway(kInternet)});
  EXPECT_EQ(lab.drops("green-1", DropReason::neighbor_unknown), 1U);
  EXPECT_TRUE(lab.take("up").empty());
  ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, appliance)));
  lab.send("green-1", {to_the_gateway(kInternet)});
  auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(mac_at(out[0], 50), appliance.mac);
  EXPECT_EQ(mac_at(out[0], 56), kDvrMac);
  // It goes again, and comes back as a port of this host.
  lab.programmer().remove_neighbor({kRed, IpAddress{appliance.ip}});
  lab.send("green-1", {to_the_gateway(kInternet)});
  EXPECT_EQ(lab.drops("green-1", DropReason::neighbor_unknown), 2U);
  lab.make_rings("appliance");
  ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("appliance", kRed, appliance)));
  lab.send("green-1", {to_the_gateway(kInternet)});
  out = lab.take("appliance");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(mac_at(out[0], 0), appliance.mac);
  EXPECT_EQ(mac_at(out[0], 6), kRedGatewayMac);
}

TEST(Routing, ANextHopIsNotReachedThroughAnotherRule) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(green_with_rules()));
  // A rule for the next hop's own address must not hide that it is on link.
  ASSERT_FALSE(
      lab.programmer().set(route(kOwnTable, "0.0.0.0/0", NextHopAction{IpAddress{kRed2.ip}})));
  ASSERT_FALSE(lab.programmer().set(route(kOwnTable, "10.2.0.12/32", BlackholeAction{})));
  lab.send("green-1", {to_the_gateway(kInternet)});
  EXPECT_EQ(lab.take("up").size(), 1U);
}

TEST(Routing, ASubnetWithRulesNeedsNoRouter) {
  PipelineLab lab;
  auto segment = green_with_rules();
  segment.router = 0;
  ASSERT_FALSE(lab.programmer().set(segment));
  ASSERT_FALSE(
      lab.programmer().set(route(kOwnTable, "0.0.0.0/0", NextHopAction{IpAddress{kGreen2.ip}})));
  lab.send("green-1", {to_the_gateway(kInternet)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U) << "the next hop is a neighbor in the subnet itself";
  EXPECT_EQ(mac_at(out[0], 50), kGreen2.mac);
  ASSERT_FALSE(
      lab.programmer().set(route(kOwnTable, "0.0.0.0/0", NextHopAction{IpAddress{kRed2.ip}})));
  lab.send("green-1", {to_the_gateway(kInternet)});
  EXPECT_TRUE(lab.take("up").empty()) << "nothing connects the subnet to red";
  EXPECT_EQ(lab.drops("green-1", DropReason::neighbor_unknown), 1U);
}

TEST(Routing, ARemoteRouteGoesStraightIntoItsTunnel) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(green_with_rules()));
  ASSERT_FALSE(lab.programmer().set(route(kOwnTable, "0.0.0.0/0", vpc_gateway())));
  lab.send("green-1", {to_the_gateway(kInternet)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  Bytes inner = to_the_gateway(kInternet, 63);
  std::copy_n(kVpcGatewayMac.bytes().begin(), 6, inner.begin());
  std::copy_n(kDvrMac.bytes().begin(), 6, inner.begin() + 6);
  EXPECT_EQ(Bytes(out[0].begin() + 50, out[0].end()), inner);
  const std::uint32_t vni = out[0][46] << 16 | out[0][47] << 8 | out[0][48];
  EXPECT_EQ(vni, kVpcGatewayVni.number());
  EXPECT_EQ(out[0][33], 2) << "last byte of the outer destination";
  lab.send("green-1", {to_the_gateway(kInternet, 1)});
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.take("green-1").size(), 1U) << "time exceeded";
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 1U);
}

TEST(Routing, ARemoteRouteHoldsItsTunnelForAsLongAsItIsThere) {
  PipelineLab lab;
  const auto tunnels = [&lab] { return lab.dataplane().tunnels().view().size(); };
  const std::size_t before = tunnels();
  const auto first = route(kOwnTable, "0.0.0.0/0", vpc_gateway());
  ASSERT_FALSE(lab.programmer().set(first));
  EXPECT_EQ(tunnels(), before + 1);
  ASSERT_FALSE(lab.programmer().set(first));
  EXPECT_EQ(tunnels(), before + 1) << "the same again";
  auto moved = first;
  std::get<RemoteAction>(moved.action).vtep = IpAddress{Ipv4Address{0x0a000003}};
  ASSERT_FALSE(lab.programmer().set(moved));
  EXPECT_EQ(tunnels(), before + 1) << "the old one went";
  ASSERT_FALSE(lab.programmer().set(route(kOwnTable, "0.0.0.0/0", BlackholeAction{})));
  EXPECT_EQ(tunnels(), before);
  ASSERT_FALSE(lab.programmer().set(first));
  lab.programmer().remove_route(first.key);
  EXPECT_EQ(tunnels(), before);
}

TEST(Routing, RefusedRoutesNameTheField) {
  PipelineLab lab;
  auto bad = vpc_gateway();
  bad.mac = kBroadcastMac;
  EXPECT_EQ(lab.programmer().set(route(kOwnTable, "0.0.0.0/0", bad))->field, "remote.mac");
  bad = vpc_gateway();
  bad.vtep = IpAddress{kOwnVtep};
  EXPECT_EQ(lab.programmer().set(route(kOwnTable, "0.0.0.0/0", bad))->field, "remote.vtep");
  EXPECT_EQ(lab.programmer().set(route(kOwnTable, "0.0.0.0/0", NextHopAction{}))->field,
            "next_hop");
  EXPECT_EQ(
      lab.programmer().set(route(kOwnTable, "::/0", NextHopAction{IpAddress{kRed2.ip}}))->field,
      "next_hop");
  EXPECT_EQ(lab.dataplane().tables().routes.occupancy().used, 2U) << "those of the network";
}

}  // namespace
}  // namespace alkaid::test
