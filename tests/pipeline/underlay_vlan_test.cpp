// The underlay inside a VLAN of the uplink.
#include <gtest/gtest.h>

#include "dataplane/packet/link_local.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/neighbor_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint16_t kVlan = 100;
const IpAddress kOwnV6 = IpAddress::from_numbers(0x20010db800000000, 1);

DataplaneSettings tagged_settings() {
  auto settings = PipelineLab::default_settings();
  settings.vteps.push_back({kOwnV6, 64});
  settings.uplink_vlan = kVlan;
  return settings;
}

// The same frame with the tag in it.
Bytes tagged(Bytes frame, std::uint16_t id = kVlan, std::uint8_t priority = 0) {
  frame.insert(frame.begin() + 12, {0x81, 0x00, static_cast<std::uint8_t>(priority << 5 | id >> 8),
                                    static_cast<std::uint8_t>(id)});
  return frame;
}

Bytes untagged(Bytes frame) {
  frame.erase(frame.begin() + 12, frame.begin() + 16);
  return frame;
}

TEST(UplinkVlan, PacketsCarryTheTagBothWays) {
  PipelineLab lab(tagged_settings());
  lab.program_network();
  const auto frame = udp_frame(kGreen1, kGreen2.mac, kGreen2.ip);
  lab.send("green-1", {frame});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(Bytes(out[0].begin() + 12, out[0].begin() + 16), (Bytes{0x81, 0x00, 0x00, kVlan}));
  const Bytes inner(out[0].begin() + 54, out[0].end());
  EXPECT_EQ(inner, frame);
  EXPECT_EQ(untagged(out[0]).size(), frame.size() + 50);

  const auto in = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  lab.send("up", {tagged(tunnelled(in, uplink_mac(lab))),
                  tagged(tunnelled(in, uplink_mac(lab)), kVlan, 5)});
  EXPECT_EQ(lab.take("green-1"), (Frames{in, in})) << "whatever the priority";
}

TEST(UplinkVlan, OtherFramesAreDropped) {
  PipelineLab lab(tagged_settings());
  lab.program_network();
  const auto in = tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab));
  lab.send("up", {in, tagged(in, 101), tagged(in, 0), tagged(tagged(in), kVlan + 1)});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("up", DropReason::underlay_vlan), 4U);
}

TEST(UplinkVlan, ArpAndNeighborDiscoveryAreInsideToo) {
  auto settings = tagged_settings();
  settings.underlay_neighbors.clear();
  PipelineLab lab(settings);
  lab.program_network();
  lab.walk();
  const net::Station self{kOwnVtep, uplink_mac(lab)};
  const net::Station peer{kPeerVtep, kPeerVtepMac};
  EXPECT_EQ(lab.take("up"), Frames{tagged(arp_request(self, kPeerVtep))});
  lab.send("up", {tagged(arp_request(peer, kOwnVtep))});
  EXPECT_EQ(lab.take("up"), Frames{tagged(arp_reply(uplink_mac(lab), kOwnVtep, peer))});
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.take("up").size(), 1U) << "the question told where the peer is";

  const IpAddress asker = IpAddress::from_numbers(0x20010db800000000, 2);
  lab.send("up", {neighbor_message({.link_source = kPeerVtepMac,
                                    .link_destination = multicast_mac(solicited_node(kOwnV6)),
                                    .source = asker,
                                    .destination = solicited_node(kOwnV6),
                                    .target = kOwnV6,
                                    .option_mac = kPeerVtepMac,
                                    .vlan = kVlan})});
  EXPECT_EQ(lab.take("up"), Frames{neighbor_message({.type = icmpv6_type::kNeighborAdvertisement,
                                                     .link_source = uplink_mac(lab),
                                                     .link_destination = kPeerVtepMac,
                                                     .source = kOwnV6,
                                                     .destination = asker,
                                                     .target = kOwnV6,
                                                     .flags = 0x60000000,
                                                     .option_mac = uplink_mac(lab),
                                                     .vlan = kVlan})});
}

TEST(UplinkVlan, TheTagTakesNothingFromTheMtu) {
  PipelineLab lab(tagged_settings());
  lab.program_network();
  const auto frame = packet()
                         .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                         .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                         .udp()
                         .payload_of_size(1450 - 28)
                         .build();
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("up").at(0).size(), 1518U);
}

}  // namespace
}  // namespace alkaid::test
