// VXLAN and neighbor discovery over an IPv6 underlay.
#include <set>

#include <gtest/gtest.h>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/neighbor_messages.hpp"

namespace alkaid::test {
namespace {

using namespace net;

const IpAddress kOwn = IpAddress::from_numbers(0x20010db800000000, 1);
const IpAddress kPeer = IpAddress::from_numbers(0x20010db800000000, 2);

DataplaneSettings settings_v6() {
  auto settings = PipelineLab::default_settings();
  settings.vteps = {*IpPrefix::parse("2001:db8::1/64")};
  settings.underlay_neighbors = {{kPeer, kPeerVtepMac}};
  return settings;
}

// The network of PipelineLab, its remote stations behind the peer's IPv6 endpoint.
void program(PipelineLab& lab, const IpAddress& vtep = kPeer) {
  lab.program_network(vtep);
}

struct OuterV6 {
  std::optional<std::uint16_t> udp_checksum;
  std::uint8_t traffic_class = 0;
  IpAddress destination = kOwn;
};

Bytes tunnelled_v6(const Bytes& inner, const MacAddress& uplink_mac, const OuterV6& outer = {}) {
  return packet()
      .ethernet({.source = kPeerVtepMac, .destination = uplink_mac})
      .ipv6(
          {.source = kPeer, .destination = outer.destination, .traffic_class = outer.traffic_class})
      .udp({.source_port = 50000,
            .destination_port = udp_port::kVxlan,
            .checksum = outer.udp_checksum})
      .vxlan({.vni = kGreen.number()})
      .payload(inner)
      .build();
}

Bytes out_frame(const Bytes& inner, const MacAddress& uplink_mac, std::uint16_t source_port) {
  return packet()
      .ethernet({.source = uplink_mac, .destination = kPeerVtepMac})
      .ipv6({.source = kOwn, .destination = kPeer})
      .udp({.source_port = source_port, .destination_port = udp_port::kVxlan})
      .vxlan({.vni = kGreen.number()})
      .payload(inner)
      .build();
}

std::uint32_t flow_label(const Bytes& frame) {
  return (frame.at(15) & 0xfU) << 16 | static_cast<std::uint32_t>(frame.at(16)) << 8 | frame.at(17);
}

std::uint16_t source_port(const Bytes& frame) {
  return static_cast<std::uint16_t>(frame.at(54) << 8 | frame.at(55));
}

Bytes without_label(Bytes frame) {
  frame.at(15) &= 0xf0;
  frame.at(16) = frame.at(17) = 0;
  return frame;
}

TEST(Ipv6Underlay, EncapsulatesWithChecksumAndFlowLabel) {
  PipelineLab lab(settings_v6());
  program(lab);
  for (const std::size_t size : {1U, 8U, 31U, 64U, 700U, 1385U}) {
    const auto inner = packet()
                           .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                           .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                           .udp()
                           .payload_of_size(size)
                           .build();
    lab.send("green-1", {inner});
    const auto out = lab.take("up");
    ASSERT_EQ(out.size(), 1U) << size;
    EXPECT_NE(flow_label(out[0]), 0U);
    // The builder computes the checksum in its own way, over the whole packet.
    EXPECT_EQ(without_label(out[0]), out_frame(inner, uplink_mac(lab), source_port(out[0])))
        << size;
  }
}

TEST(Ipv6Underlay, LabelAndPortFollowTheFlow) {
  PipelineLab lab(settings_v6());
  program(lab);
  std::set<std::uint32_t> labels;
  std::set<std::uint16_t> ports;
  for (std::uint16_t flow = 0; flow < 64; ++flow) {
    const auto frame = packet()
                           .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                           .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip})
                           .udp({.source_port = static_cast<std::uint16_t>(1000 + flow)})
                           .build();
    lab.send("green-1", {frame, frame});
    const auto out = lab.take("up");
    ASSERT_EQ(out.size(), 2U);
    EXPECT_EQ(out[0], out[1]);
    labels.insert(flow_label(out[0]));
    ports.insert(source_port(out[0]));
  }
  EXPECT_GT(labels.size(), 60U);
  EXPECT_GT(ports.size(), 60U);
}

TEST(Ipv6Underlay, CopiesCongestionMarks) {
  PipelineLab lab(settings_v6());
  program(lab);
  const auto frame = [](std::uint8_t tos) {
    return packet()
        .ethernet({.source = kGreen2.mac, .destination = kGreen1.mac})
        .ipv4({.source = kGreen2.ip, .destination = kGreen1.ip, .tos = tos})
        .udp()
        .payload(Bytes(8))
        .build();
  };
  lab.send("up", {tunnelled_v6(frame(0x02), uplink_mac(lab), {.traffic_class = kEcnCongested})});
  EXPECT_EQ(lab.take("green-1"), Frames{frame(0x03)});
  const auto out = packet()
                       .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                       .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip, .tos = 0xb9})
                       .udp()
                       .build();
  lab.send("green-1", {out});
  const auto sent = lab.take("up");
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0][14], 0x60);
  EXPECT_EQ(sent[0][15] >> 4, 0x1) << "the mark of the inner packet, nothing of its class";
}

TEST(Ipv6Underlay, TheInnerPacketArrives) {
  PipelineLab lab(settings_v6());
  program(lab);
  const auto inner = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  auto padded = tunnelled_v6(inner, uplink_mac(lab));
  padded.resize(padded.size() + 5);
  lab.send("up", {padded});
  EXPECT_EQ(lab.take("green-1"), Frames{inner});
}

struct Refusal {
  const char* name;
  OuterV6 outer;
  DropReason reason;
};

class Ipv6UnderlayRefuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(Ipv6UnderlayRefuses, WithAReason) {
  PipelineLab lab(settings_v6());
  program(lab);
  lab.send("up", {tunnelled_v6(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab),
                               GetParam().outer)});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.all_drops(), (std::map<std::string, std::uint64_t>{
                                 {"up " + std::string{text_of(GetParam().reason).name}, 1}}));
}

INSTANTIATE_TEST_SUITE_P(
    All, Ipv6UnderlayRefuses,
    ::testing::Values(
        Refusal{"NoChecksum", {.udp_checksum = 0}, DropReason::underlay_udp_unchecked},
        Refusal{"WrongChecksum", {.udp_checksum = 0x1234}, DropReason::underlay_udp_malformed},
        Refusal{"OtherDestination", {.destination = kPeer}, DropReason::underlay_not_for_us},
        Refusal{"CongestionOnIncapable",
                {.traffic_class = kEcnCongested},
                DropReason::ecn_not_capable}),
    [](const auto& info) { return info.param.name; });

TEST(Ipv6Underlay, ZeroChecksumsByConfiguration) {
  auto settings = settings_v6();
  settings.udp6_zero_checksum = true;
  PipelineLab lab(settings);
  program(lab);
  const auto inner = udp_frame(kGreen2, kGreen1.mac, kGreen1.ip);
  lab.send("up", {tunnelled_v6(inner, uplink_mac(lab), {.udp_checksum = 0}),
                  tunnelled_v6(inner, uplink_mac(lab))});
  EXPECT_EQ(lab.take("green-1"), (Frames{inner, inner}));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  const auto out = lab.take("up");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0][60] << 8 | out[0][61], 0);
}

TEST(Ipv6Underlay, TheErrorNamesTheRoomOfTheTunnel) {
  PipelineLab lab(settings_v6());
  program(lab);
  const auto frame = [](std::size_t size, bool dont_fragment) {
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
        .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip, .dont_fragment = dont_fragment})
        .udp()
        .payload_of_size(size - 28)
        .build();
  };
  lab.send("green-1", {frame(1430, true)});
  EXPECT_EQ(lab.take("up").size(), 1U) << "1,500 less 70";
  lab.send("green-1", {frame(1431, true)});
  EXPECT_TRUE(lab.take("up").empty());
  const auto error = lab.take("green-1");
  ASSERT_EQ(error.size(), 1U);
  EXPECT_EQ(error[0][34], 3);  // destination unreachable, fragmentation needed
  EXPECT_EQ(error[0][40] << 8 | error[0][41], 1430);
}

TEST(Ipv6Underlay, GuestsOfABothFamiliesHostGetTheSmallerRoom) {
  auto settings = settings_v6();
  settings.vteps.push_back(*IpPrefix::parse("10.0.0.1/24"));
  settings.underlay_neighbors.emplace_back(IpAddress{kPeerVtep}, kPeerVtepMac);
  PipelineLab lab(settings);
  program(lab, IpAddress{kPeerVtep});
  EXPECT_EQ(lab.dataplane().tables().segments.find(kGreen)->mtu, 1430);
  // Either family serves.
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.take("up").at(0).at(12), 0x08);
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.vtep = kPeer;
  ASSERT_FALSE(lab.programmer().set(neighbor));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.take("up").at(0).at(12), 0x86);
}

TEST(Ipv6Underlay, AnEndpointOfAFamilyThatWeLackIsRefused) {
  PipelineLab lab(settings_v6());
  program(lab);
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  neighbor.vtep = IpAddress{kPeerVtep};
  const auto refused = lab.programmer().set(neighbor);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->field, "vtep");
  EXPECT_NE(refused->message.find("no IPv4 --vtep"), std::string::npos) << refused->message;
  // And what arrives over it is not ours: no endpoint is no wildcard.
  lab.send("up", {tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab)),
                  tunnelled(udp_frame(kGreen2, kGreen1.mac, kGreen1.ip), uplink_mac(lab),
                            {.destination = Ipv4Address{}})});
  EXPECT_EQ(lab.drops("up", DropReason::underlay_not_for_us), 2U);
}

// ---------------------------------------------------------------- neighbor discovery

constexpr MacAddress kAsker = MacAddress::from_number(0x020000000055);
const IpAddress kAskerIp = IpAddress::from_numbers(0x20010db800000000, 0x55);

Bytes answer(PipelineLab& lab, const IpAddress& target) {
  return neighbor_message({.type = icmpv6_type::kNeighborAdvertisement,
                           .link_source = uplink_mac(lab),
                           .link_destination = kAsker,
                           .source = target,
                           .destination = kAskerIp,
                           .target = target,
                           .flags = 0x60000000,
                           .option_mac = uplink_mac(lab)});
}

NeighborMessageFields question(const IpAddress& target) {
  return {.type = icmpv6_type::kNeighborSolicitation,
          .link_source = kAsker,
          .link_destination = multicast_mac(solicited_node(target)),
          .source = kAskerIp,
          .destination = solicited_node(target),
          .target = target,
          .option_mac = kAsker};
}

TEST(UnderlayNd, AnswersForTheEndpointAndTheLinkLocalAddress) {
  PipelineLab lab(settings_v6());
  const IpAddress link_local = link_local_address(uplink_mac(lab));
  lab.send("up", {neighbor_message(question(kOwn)), neighbor_message(question(link_local)),
                  neighbor_message(question(kPeer))});
  EXPECT_EQ(lab.take("up"), (Frames{answer(lab, kOwn), answer(lab, link_local)}));
  EXPECT_EQ(lab.drops("up", DropReason::underlay_nd_unexpected), 1U);
}

TEST(UnderlayNd, ADuplicateProbeIsAnsweredToAll) {
  PipelineLab lab(settings_v6());
  auto probe = question(kOwn);
  probe.source = IpAddress{};
  probe.option_mac.reset();
  lab.send("up", {neighbor_message(probe)});
  EXPECT_EQ(lab.take("up"), Frames{neighbor_message({.type = icmpv6_type::kNeighborAdvertisement,
                                                     .link_source = uplink_mac(lab),
                                                     .link_destination = multicast_mac(kAllNodes),
                                                     .source = kOwn,
                                                     .destination = kAllNodes,
                                                     .target = kOwn,
                                                     .flags = 0x20000000,
                                                     .option_mac = uplink_mac(lab)})});
}

TEST(UnderlayNd, HostileMessagesAreRefused) {
  PipelineLab lab(settings_v6());
  auto hop_limit = question(kOwn);
  hop_limit.hop_limit = 254;
  auto checksum = neighbor_message(question(kOwn));
  checksum[56] ^= 1;
  auto empty_option = question(kOwn);
  empty_option.option_length = 0;
  auto long_option = question(kOwn);
  long_option.option_length = 200;
  auto group_target = question(IpAddress::from_numbers(0xff02000000000000, 1));
  const Frames frames{neighbor_message(hop_limit), checksum, neighbor_message(empty_option),
                      neighbor_message(long_option), neighbor_message(group_target)};
  lab.send("up", frames);
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.drops("up", DropReason::underlay_nd_malformed), frames.size());
  // Cut at every length, with and without an IPv6 length that fits.
  const auto whole = neighbor_message(question(kOwn));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    lab.send("up", {cut});
    if (length >= 54) {
      cut[18] = 0;
      cut[19] = static_cast<std::uint8_t>(length - 54);
      lab.send("up", {cut});
    }
  }
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

TEST(UnderlayNd, ResolvesNextHopsAndFollowsTheirMoves) {
  auto settings = settings_v6();
  settings.underlay_neighbors.clear();
  PipelineLab lab(settings);
  program(lab);
  lab.walk();
  const auto asked = lab.take("up");
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0], neighbor_message({.type = icmpv6_type::kNeighborSolicitation,
                                        .link_source = uplink_mac(lab),
                                        .link_destination = multicast_mac(solicited_node(kPeer)),
                                        .source = kOwn,
                                        .destination = solicited_node(kPeer),
                                        .target = kPeer,
                                        .option_mac = uplink_mac(lab)}));
  lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
  EXPECT_EQ(lab.drops("green-1", DropReason::next_hop_unresolved), 1U);
  lab.take("up");

  const auto advertise = [&](const MacAddress& mac, std::uint32_t flags) {
    lab.send("up", {neighbor_message({.type = icmpv6_type::kNeighborAdvertisement,
                                      .link_source = mac,
                                      .link_destination = uplink_mac(lab),
                                      .source = kPeer,
                                      .destination = kOwn,
                                      .target = kPeer,
                                      .flags = flags,
                                      .option_mac = mac})});
  };
  const auto next_destination = [&] {
    lab.take("up");
    lab.send("green-1", {udp_frame(kGreen1, kGreen2.mac, kGreen2.ip)});
    for (const auto& frame : lab.take("up")) {
      if (frame[20] == ip_protocol::kUdp) {
        return MacAddress({frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]});
      }
    }
    return MacAddress{};
  };
  advertise(kPeerVtepMac, 0x60000000);
  EXPECT_EQ(next_destination(), kPeerVtepMac);
  const MacAddress moved = MacAddress::from_number(0x0200000000c2);
  advertise(moved, 0x40000000);
  EXPECT_EQ(next_destination(), kPeerVtepMac) << "without the override flag it is only asked again";
  advertise(moved, 0x20000000);
  EXPECT_EQ(next_destination(), moved);
}

}  // namespace
}  // namespace alkaid::test
