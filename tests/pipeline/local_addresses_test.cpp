// Ports with several addresses: which port gets what, in which segment, at every step of a move.
#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Vni kGreenV6 = Vni::from_trusted(1011);
const IpAddress kGreen1V6 = *IpAddress::parse("fd00:1::b");
const IpAddress kGreen3V6 = *IpAddress::parse("fd00:1::d");
constexpr Ipv4Address kShared{0x0a010064};
const MacAddress kSharedMac = MacAddress::from_number(0x00005e000101);

PortConfig port_with(const std::string& id, const Station& station,
                     std::vector<IpAddress> more_addresses) {
  auto config = PipelineLab::port_config(id, kGreen, station);
  config.fixed_ips.insert(config.fixed_ips.end(), more_addresses.begin(), more_addresses.end());
  return config;
}

PortConfig with_pair(PortConfig config, const char* prefix, const MacAddress& mac = {}) {
  config.allowed_address_pairs.push_back({*IpPrefix::parse(prefix), mac});
  return config;
}

Bytes ipv6_frame(const MacAddress& source_mac, const IpAddress& source,
                 const MacAddress& destination_mac, const IpAddress& destination) {
  return packet()
      .ethernet({.source = source_mac, .destination = destination_mac})
      .ipv6({.source = source, .destination = destination})
      .udp()
      .payload(Bytes(8))
      .build();
}

// Whom a guest on green-1 is told to send to for the address; zero: nobody has it.
MacAddress resolved(PipelineLab& lab, Ipv4Address ip) {
  lab.send("green-1", {arp_request(kGreen1, ip)});
  const auto out = lab.take("green-1");
  return out.size() == 1
             ? MacAddress({out[0][6], out[0][7], out[0][8], out[0][9], out[0][10], out[0][11]})
             : MacAddress{};
}

// Where a frame from green-1 to the MAC comes out.
std::string outlet(PipelineLab& lab, const MacAddress& mac, Ipv4Address ip) {
  lab.send("green-1", {udp_frame(kGreen1, mac, ip)});
  std::string outlets;
  for (const char* port : {"up", "green-3", "red-1"}) {
    for (std::size_t i = lab.take(port).size(); i > 0; --i) {
      outlets += port;
    }
  }
  return outlets;
}

TEST(FixedAddresses, SeveralOfBothFamilies) {
  PipelineLab lab;
  const Ipv4Address second{0x0a010065};
  ASSERT_FALSE(lab.programmer().set(port_with("green-1", kGreen1, {kGreen1V6})));
  ASSERT_FALSE(lab.programmer().set(port_with("green-3", kGreen3, {IpAddress{second}, kGreen3V6})));
  EXPECT_EQ(resolved(lab, kGreen3.ip), kGreen3.mac);
  EXPECT_EQ(resolved(lab, second), kGreen3.mac);
  const Frames frames{udp_frame({second, kGreen3.mac}, kGreen1.mac, kGreen1.ip),
                      ipv6_frame(kGreen3.mac, kGreen3V6, kGreen1.mac, kGreen1V6)};
  lab.send("green-3", frames);
  EXPECT_EQ(lab.take("green-1"), frames);
  // One is taken away.
  ASSERT_FALSE(lab.programmer().set(port_with("green-3", kGreen3, {IpAddress{second}})));
  EXPECT_EQ(resolved(lab, second), kGreen3.mac);
  lab.send("green-3", frames);
  EXPECT_EQ(lab.take("green-1"), Frames{frames[0]});
  EXPECT_EQ(lab.drops("green-3", DropReason::spoofed_ip), 1U);
}

TEST(SegmentOfIpv6, IsTheOneOfThePortsIpv6Addresses) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreenV6);
  segment.router = 0;
  segment.mtu = 1300;
  ASSERT_FALSE(lab.programmer().set(segment));
  auto green1 = port_with("green-1", kGreen1, {kGreen1V6});
  green1.vni_v6 = kGreenV6;
  auto green3 = port_with("green-3", kGreen3, {kGreen3V6});
  green3.vni_v6 = kGreenV6;
  ASSERT_FALSE(lab.programmer().set(green1));
  ASSERT_FALSE(lab.programmer().set(green3));
  EXPECT_EQ(lab.dataplane().ports().find("green-1")->mtu, 1300) << "the smaller of the two";
  const auto v4 = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto v6 = ipv6_frame(kGreen1.mac, kGreen1V6, kGreen3.mac, kGreen3V6);
  lab.send("green-1", {v4, v6});
  EXPECT_EQ(lab.take("green-3"), (Frames{v4, v6}));
  // From the wire by MAC in either segment.
  const auto back_v4 = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  const auto back_v6 =
      ipv6_frame(kGreen2.mac, *IpAddress::parse("fd00:1::c"), kGreen1.mac, kGreen1V6);
  lab.send("up", {tunnelled(back_v4, uplink_mac(lab)),
                  tunnelled(back_v6, uplink_mac(lab), {.vni = kGreenV6.number()})});
  EXPECT_EQ(lab.take("green-1"), (Frames{back_v4, back_v6}));
  // To another host, in IPv6's own VNI.
  const IpAddress remote = *IpAddress::parse("fd00:1::c");
  ASSERT_FALSE(
      lab.programmer().set(NeighborConfig{{kGreenV6, remote}, kGreen2.mac, IpAddress{kPeerVtep}}));
  const auto to_remote = ipv6_frame(kGreen1.mac, kGreen1V6, kGreen2.mac, remote);
  lab.send("green-1", {to_remote});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0][48], kGreenV6.number() & 0xff) << "the VNI's last byte";
  // Back to one segment: nothing of the port stays in the other.
  ASSERT_FALSE(lab.programmer().set(port_with("green-1", kGreen1, {kGreen1V6})));
  lab.send("up", {tunnelled(back_v6, uplink_mac(lab), {.vni = kGreenV6.number()})});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("up", DropReason::destination_mac_unknown), 1U);
  EXPECT_EQ(lab.dataplane().ports().find("green-1")->mtu, 1450);
  // Zones are held by who refers to them: segment, green-3.
  lab.programmer().remove_neighbor({kGreenV6, remote});
  lab.programmer().remove_segment(kGreenV6);
  lab.programmer().remove_port("green-3");
  lab.walk();
  EXPECT_EQ(lab.dataplane().tables().segments.occupancy().used, 2U);
}

TEST(AllowedPairs, AreReachable) {
  PipelineLab lab;
  ASSERT_FALSE(lab.programmer().set(
      with_pair(with_pair(PipelineLab::port_config("green-3", kGreen, kGreen3), "10.1.0.100"),
                "10.1.0.128/25")));
  EXPECT_EQ(resolved(lab, kShared), kGreen3.mac);
  EXPECT_EQ(outlet(lab, kGreen3.mac, kShared), "green-3");
  EXPECT_TRUE(resolved(lab, Ipv4Address{0x0a010080}).is_zero()) << "a prefix is no station";
  // Routed to it as well.
  lab.send("red-1", {udp_frame(kRed1, kRedGatewayMac, kShared)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  // With a MAC of its own (VRRP).
  ASSERT_FALSE(lab.programmer().set(
      with_pair(PipelineLab::port_config("green-3", kGreen, kGreen3), "10.1.0.100", kSharedMac)));
  EXPECT_EQ(resolved(lab, kShared), kSharedMac);
  EXPECT_EQ(outlet(lab, kSharedMac, kShared), "green-3");
  // And gone.
  ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("green-3", kGreen, kGreen3)));
  EXPECT_TRUE(resolved(lab, kShared).is_zero());
  EXPECT_EQ(outlet(lab, kSharedMac, kShared), "");
}

TEST(AllowedPairs, AreWeakerThanAnyPortsOwnAddress) {
  PipelineLab lab;
  lab.make_rings("owner");
  const Station owner{kShared, MacAddress::from_number(0x020000010064)};
  const auto pair = with_pair(PipelineLab::port_config("green-3", kGreen, kGreen3), "10.1.0.100");
  // Whichever comes first.
  for (const bool pair_first : {true, false}) {
    if (pair_first) {
      ASSERT_FALSE(lab.programmer().set(pair));
      EXPECT_EQ(resolved(lab, kShared), kGreen3.mac);
    }
    ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("owner", kGreen, owner)));
    ASSERT_FALSE(lab.programmer().set(pair));
    EXPECT_EQ(resolved(lab, kShared), owner.mac);
    lab.programmer().remove_port("owner");
    EXPECT_EQ(resolved(lab, kShared), kGreen3.mac);
    ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("green-3", kGreen, kGreen3)));
    EXPECT_TRUE(resolved(lab, kShared).is_zero());
  }
  // A port on another host.
  for (const bool pair_first : {true, false}) {
    if (pair_first) {
      ASSERT_FALSE(lab.programmer().set(pair));
    }
    ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, owner)));
    ASSERT_FALSE(lab.programmer().set(pair));
    EXPECT_EQ(resolved(lab, kShared), owner.mac);
    EXPECT_EQ(outlet(lab, owner.mac, kShared), "up");
    lab.programmer().remove_neighbor({kGreen, IpAddress{kShared}});
    EXPECT_EQ(resolved(lab, kShared), kGreen3.mac);
    ASSERT_FALSE(lab.programmer().set(PipelineLab::port_config("green-3", kGreen, kGreen3)));
  }
  // A pair can't take another station's MAC, here or there.
  ASSERT_FALSE(lab.programmer().set(
      with_pair(PipelineLab::port_config("red-1", kGreen, kRed1), "10.1.0.101", kGreen3.mac)));
  ASSERT_FALSE(lab.programmer().set(with_pair(
      with_pair(PipelineLab::port_config("red-1", kGreen, kRed1), "10.1.0.101", kGreen3.mac),
      "10.1.0.102", kGreen2.mac)));
  EXPECT_EQ(outlet(lab, kGreen3.mac, kGreen3.ip), "green-3");
  EXPECT_EQ(outlet(lab, kGreen2.mac, kGreen2.ip), "up");
}

TEST(AllowedPairs, OfTwoPortsTheLatestHasTheAddress) {
  PipelineLab lab;
  const auto pair_of = [](const std::string& id, const Station& station) {
    return with_pair(PipelineLab::port_config(id, kGreen, station), "10.1.0.100");
  };
  ASSERT_FALSE(lab.programmer().set(pair_of("green-3", kGreen3)));
  ASSERT_FALSE(lab.programmer().set(pair_of("red-1", kRed1)));
  EXPECT_EQ(resolved(lab, kShared), kRed1.mac);
  ASSERT_FALSE(lab.programmer().set(pair_of("green-3", kGreen3)));
  EXPECT_EQ(resolved(lab, kShared), kRed1.mac) << "what is said again changes nothing";
  lab.programmer().remove_port("red-1");
  EXPECT_EQ(resolved(lab, kShared), kGreen3.mac);
  lab.programmer().remove_port("green-3");
  EXPECT_TRUE(resolved(lab, kShared).is_zero());
}

// A port moves from this host to another and back; the agent may tell of its two ends in either
// order. At every step a packet comes out where the station is, once, or nowhere while it is on
// neither host.
class Move : public ::testing::TestWithParam<bool> {
 protected:
  // "" for nowhere; "green-3" or "up".
  void expect(const std::string& where) {
    EXPECT_EQ(outlet(lab, kGreen3.mac, kGreen3.ip), where);
    lab.send("green-1", {ipv6_frame(kGreen1.mac, kGreen1V6, kGreen3.mac, kGreen3V6)});
    const bool is_here = where == "green-3";
    EXPECT_EQ(lab.take("green-3").size(), is_here ? 1U : 0U);
    EXPECT_EQ(lab.take("up").size(), where == "up" ? 1U : 0U);
    // Routed, from the other subnet.
    lab.send("red-1", {udp_frame(kRed1, kRedGatewayMac, kGreen3.ip)});
    EXPECT_EQ(lab.take("green-3").size(), is_here ? 1U : 0U);
    EXPECT_EQ(lab.take("up").size(), where == "up" ? 1U : 0U);
    // From the wire only if it is here: never from tunnel to tunnel.
    lab.send("up", {tunnelled(udp_frame(kGreen2, kGreen3.mac, kGreen3.ip), uplink_mac(lab))});
    EXPECT_EQ(lab.take("green-3").size(), is_here ? 1U : 0U);
    EXPECT_TRUE(lab.take("up").empty());
    EXPECT_EQ(resolved(lab, kGreen3.ip).is_zero(), where.empty());
    lab.take("red-1");
  }
  void set_port() {
    ASSERT_FALSE(lab.programmer().set(port_with("green-3", kGreen3, {kGreen3V6})));
  }
  void set_neighbors() {
    ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen3)));
    ASSERT_FALSE(lab.programmer().set(
        NeighborConfig{{kGreen, kGreen3V6}, kGreen3.mac, IpAddress{kPeerVtep}}));
  }
  void remove_neighbors() {
    lab.programmer().remove_neighbor({kGreen, IpAddress{kGreen3.ip}});
    lab.programmer().remove_neighbor({kGreen, kGreen3V6});
  }

  PipelineLab lab;
};

TEST_P(Move, ThereAndBack) {
  const bool neighbor_first = GetParam();
  ASSERT_FALSE(lab.programmer().set(port_with("green-1", kGreen1, {kGreen1V6})));
  set_port();
  const auto occupancy = [this] { return lab.dataplane().tables().neighbors.occupancy().used; };
  const auto before = occupancy();
  for (int round = 0; round < 3; ++round) {
    expect("green-3");
    if (neighbor_first) {
      set_neighbors();
      expect("green-3");
      lab.programmer().remove_port("green-3");
    } else {
      lab.programmer().remove_port("green-3");
      expect("");
      set_neighbors();
    }
    expect("up");
    if (neighbor_first) {
      remove_neighbors();
      expect("");
      set_port();
    } else {
      set_port();
      expect("green-3");
      remove_neighbors();
    }
    EXPECT_EQ(occupancy(), before) << "stale entries";
  }
  expect("green-3");
}

INSTANTIATE_TEST_SUITE_P(Orders, Move, ::testing::Bool());

TEST(AdminDown, DropsBothDirectionsOfBothFamilies) {
  PipelineLab lab;
  auto config = port_with("green-1", kGreen1, {kGreen1V6});
  config.admin_up = false;
  ASSERT_FALSE(lab.programmer().set(config));
  ASSERT_FALSE(lab.programmer().set(port_with("green-3", kGreen3, {kGreen3V6})));
  lab.send("green-1",
           {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip), arp_request(kGreen1, kGreen3.ip),
            ipv6_frame(kGreen1.mac, kGreen1V6, kGreen3.mac, kGreen3V6)});
  lab.send("green-3", {udp_frame(kGreen3, kGreen1.mac, kGreen1.ip),
                       ipv6_frame(kGreen3.mac, kGreen3V6, kGreen1.mac, kGreen1V6)});
  lab.send("up", {tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab)),
                  tunnelled(arp_request(kGreen2, kGreen1.ip), uplink_mac(lab))});
  for (const char* port : {"green-1", "green-3", "up"}) {
    EXPECT_TRUE(lab.take(port).empty()) << port;
  }
  const std::map<std::string, std::uint64_t> expected{
      {"green-1 port_admin_down", 3}, {"green-3 egress_port_down", 2}, {"up egress_port_down", 2}};
  EXPECT_EQ(lab.all_drops(), expected);
  config.admin_up = true;
  ASSERT_FALSE(lab.programmer().set(config));
  EXPECT_EQ(outlet(lab, kGreen3.mac, kGreen3.ip), "green-3");
}

}  // namespace
}  // namespace alkaid::test
