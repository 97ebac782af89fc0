// VXLAN and ARP on the underlay.
#include <set>

#include <gtest/gtest.h>

#include "dataplane/vxlan/ecn.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

Bytes inner_frame() {
  return udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
}

Case dropped(const char* name, const char* reason, OuterFields outer, Bytes inner = inner_frame()) {
  return {.name = name,
          .port = "up",
          .in = [outer, inner](
                    PipelineLab& lab) { return Frames{tunnelled(inner, uplink_mac(lab), outer)}; },
          .drops = {{std::string("up ") + reason, 1}}};
}

class Underlay : public ::testing::TestWithParam<Case> {};

TEST_P(Underlay, Case) {
  run_case(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Refused, Underlay,
    ::testing::Values(dropped("no_vni_flag", "vxlan_flags", {.flags = 0}),
                      dropped("gpe_flags", "vxlan_flags", {.flags = 0x0c}),
                      dropped("unknown_vni", "vxlan_vni_unknown", {.vni = 4242}),
                      dropped("vni_zero", "vxlan_vni_unknown", {.vni = 0}),
                      dropped("largest_vni", "vxlan_vni_unknown", {.vni = 0xffffff}),
                      dropped("other_destination", "underlay_not_for_us",
                              {.destination = Ipv4Address{0x0a000063}}),
                      dropped("other_mac", "underlay_not_for_us",
                              {.destination_mac = MacAddress::from_number(0x02deadbeef01)}),
                      dropped("other_udp_port", "underlay_protocol", {.port = 4790}),
                      dropped("wrong_udp_checksum", "underlay_udp_malformed",
                              {.udp_checksum = 0x1234}),
                      dropped("congestion_on_incapable", "ecn_not_capable", {.tos = kEcnCongested}),
                      dropped("inner_ihl", "ipv4_header_length", {},
                              packet()
                                  .ethernet({.source = kGreen2.mac, .destination = kGreen1.mac})
                                  .ipv4({.ihl = 4})
                                  .udp()
                                  .build()),
                      dropped("inner_broadcast", "multicast_unsupported", {},
                              udp_frame(kGreen2, kBroadcastMac, Ipv4Address{0xffffffff}))),
    name_of_case);

TEST(Decapsulation, VerifiesAnOuterChecksumThatIsThere) {
  PipelineLab lab;
  lab.send("up", {tunnelled(inner_frame(), uplink_mac(lab), {.udp_checksum = std::nullopt})});
  EXPECT_EQ(lab.take("green-1"), Frames{inner_frame()});
}

TEST(Decapsulation, CarriesCongestionMarksOver) {
  PipelineLab lab;
  const auto frame = [](std::uint8_t tos) {
    return packet()
        .ethernet({.source = kGreen2.mac, .destination = kGreen1.mac})
        .ipv4({.source = kGreen2.ip, .destination = kGreen1.ip, .tos = tos})
        .udp()
        .payload(Bytes(8))
        .build();
  };
  lab.send("up", {tunnelled(frame(0x02), uplink_mac(lab), {.tos = kEcnCongested})});
  EXPECT_EQ(lab.take("green-1"), Frames{frame(0x03)});
}

TEST(Decapsulation, EveryTruncationIsACountedDrop) {
  PipelineLab lab;
  lab.walk();
  const auto whole = tunnelled(inner_frame(), uplink_mac(lab));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    lab.send("up", {Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))});
  }
  EXPECT_TRUE(lab.take("green-1").empty());
  std::uint64_t dropped = 0;
  for (const auto& [what, count] : lab.all_drops()) {
    dropped += count;
  }
  EXPECT_EQ(dropped, whole.size());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(Decapsulation, PaddingIsTakenOff) {
  PipelineLab lab;
  Bytes padded = tunnelled(inner_frame(), uplink_mac(lab));
  padded.resize(padded.size() + 7);
  lab.send("up", {padded});
  EXPECT_EQ(lab.take("green-1"), Frames{inner_frame()});
}

TEST(Decapsulation, BroadcastArpGoesToItsTargetOnly) {
  PipelineLab lab;
  const auto request = arp_request(kGreen2, kGreen1.ip);
  lab.send("up", {tunnelled(request, uplink_mac(lab)),
                  tunnelled(arp_request(kGreen2, Ipv4Address{0x0a0100fe}), uplink_mac(lab))});
  EXPECT_EQ(lab.take("green-1"), Frames{request});
  EXPECT_TRUE(lab.take("green-3").empty());
  EXPECT_EQ(lab.drops("up", DropReason::arp_target_unknown), 1U);
}

TEST(Encapsulation, EntropyFollowsTheFlow) {
  PipelineLab lab;
  std::set<std::uint16_t> ports;
  for (std::uint16_t flow = 0; flow < 64; ++flow) {
    const auto frame = packet()
                           .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                           .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                           .udp({.source_port = static_cast<std::uint16_t>(1000 + flow)})
                           .payload(Bytes(8))
                           .build();
    lab.send("green-1", {frame, frame});
    const auto out = lab.take("up");
    ASSERT_EQ(out.size(), 2U);
    const auto port_of = [](const Bytes& bytes) {
      return static_cast<std::uint16_t>(bytes[34] << 8 | bytes[35]);
    };
    EXPECT_EQ(port_of(out[0]), port_of(out[1])) << "one flow, one port";
    EXPECT_GE(port_of(out[0]), 49152);
    ports.insert(port_of(out[0]));
  }
  EXPECT_GT(ports.size(), 60U) << "flows spread over the ports";
}

TEST(Encapsulation, FragmentsOfADatagramShareTheirEntropy) {
  PipelineLab lab;
  const auto fragment = [](std::uint16_t offset, bool more) {
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
        .ipv4({.source = kGreen1.ip,
               .destination = kGreen2.ip,
               .more_fragments = more,
               .fragment_offset = offset,
               .protocol = ip_protocol::kUdp})
        .payload(Bytes{0x12, 0x34, 0x56, 0x78, 0x00, 0x40, 0x00, 0x00, 0, 0, 0, 0, 0, 0, 0, 0})
        .build();
  };
  lab.send("green-1", {fragment(0, true), fragment(2, false)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0][34], out[1][34]);
  EXPECT_EQ(out[0][35], out[1][35]);
}

TEST(UnderlayArp, AnswersForTheVtepOnly) {
  PipelineLab lab;
  const net::Station peer{kPeerVtep, kPeerVtepMac};
  lab.send("up", {arp_request(peer, kOwnVtep), arp_request(peer, Ipv4Address{0x0a000063})});
  EXPECT_EQ(lab.take("up"), Frames{arp_reply(uplink_mac(lab), kOwnVtep, peer)});
  EXPECT_EQ(lab.drops("up", DropReason::underlay_arp_unexpected), 1U);
}

TEST(UnderlayArp, ResolvesNextHopsAndFollowsTheirMoves) {
  auto settings = PipelineLab::default_settings();
  settings.underlay_neighbors.clear();
  PipelineLab lab(settings);
  lab.program_network();
  lab.walk();
  // The network has neighbors behind the peer, so it is asked for before any packet needs it.
  const auto question = lab.take("up");
  ASSERT_EQ(question.size(), 1U);
  const net::Station self{kOwnVtep, uplink_mac(lab)};
  EXPECT_EQ(question[0], arp_request(self, kPeerVtep));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::next_hop_unresolved), 1U);
  lab.take("up");

  const auto destination_of_next_packet = [&] {
    lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
    const auto out = lab.take("up");
    return out.size() == 1
               ? MacAddress({out[0][0], out[0][1], out[0][2], out[0][3], out[0][4], out[0][5]})
               : MacAddress{};
  };
  lab.send("up", {arp_reply(kPeerVtepMac, kPeerVtep, self)});
  EXPECT_EQ(destination_of_next_packet(), kPeerVtepMac);

  // A gratuitous request announces another MAC.
  const MacAddress moved = MacAddress::from_number(0x0200000000c2);
  lab.send("up", {arp_request({kPeerVtep, moved}, kPeerVtep)});
  EXPECT_EQ(destination_of_next_packet(), moved);
}

TEST(UnderlayArp, VtepsBeyondThePrefixNeedTheGateway) {
  PipelineLab lab;
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.vtep = IpAddress{Ipv4Address{0xc0000201}};
  const auto refused = lab.programmer().set(neighbor);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->field, "vtep");
  // What was there before is untouched.
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.take("up").size(), 1U);
}

TEST(UnderlayArp, FarVtepsGoThroughTheGateway) {
  auto settings = PipelineLab::default_settings();
  settings.underlay_gateways = {IpAddress{kPeerVtep}};  // its MAC is static
  PipelineLab lab(settings);
  lab.program_network();
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.vtep = IpAddress{Ipv4Address{0xc0000201}};
  ASSERT_FALSE(lab.programmer().set(neighbor));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(Bytes(out[0].begin(), out[0].begin() + 6),
            Bytes(kPeerVtepMac.bytes().begin(), kPeerVtepMac.bytes().end()));
  EXPECT_EQ(Bytes(out[0].begin() + 30, out[0].begin() + 34), (Bytes{192, 0, 2, 1}));
}

}  // namespace
}  // namespace alkaid::test
