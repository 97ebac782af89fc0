// parse_underlay: what it finds in good packets and why it refuses bad ones.
#include "dataplane/packet/parse_underlay.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

using Kind = UnderlayHeaders::Kind;

DropReason parse(const Bytes& frame, UnderlayHeaders& headers, const UnderlayFormat& format = {}) {
  ExactCopy copy{frame};
  return parse_underlay(copy.bytes(), copy.size(), format, headers);
}

Bytes good_packet() {
  return vxlan_packet({}, {.source = kIpA, .destination = kIpB, .tos = 3}, 0xabcdef)
      .ethernet()
      .ipv4()
      .icmp()
      .payload_of_size(56)
      .build();
}

Bytes good_packet_v6() {
  return packet()
      .ethernet()
      .ipv6({.traffic_class = 3})
      .udp({.destination_port = udp_port::kVxlan})
      .vxlan({.vni = 0xabcdef})
      .ethernet()
      .ipv4()
      .icmp()
      .payload_of_size(56)
      .build();
}

TEST(ParseUnderlay, Vxlan) {
  UnderlayHeaders headers;
  ASSERT_EQ(parse(good_packet(), headers), DropReason::kNone);
  EXPECT_EQ(headers.kind, Kind::kVxlan);
  EXPECT_EQ(headers.vni, 0xabcdefU);
  EXPECT_EQ(headers.inner_offset, 50);
  EXPECT_EQ(headers.outer_end, good_packet().size());
  EXPECT_EQ(headers.tos, 3);
  EXPECT_FALSE(headers.is_v6);
  EXPECT_EQ(headers.l3_offset, 14);
  EXPECT_EQ(headers.udp_offset, 34);
}

TEST(ParseUnderlay, TheInnerFrameParses) {
  const Bytes packet = good_packet();
  UnderlayHeaders outer;
  ASSERT_EQ(parse(packet, outer), DropReason::kNone);
  const auto inner = std::span{packet}.subspan(outer.inner_offset);
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(inner, inner.size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.protocol, ip_protocol::kIcmp);
}

TEST(ParseUnderlay, OptionsMoveTheInnerFrame) {
  UnderlayHeaders headers;
  ASSERT_EQ(parse(vxlan_packet({}, {.options = Bytes(40, 1)}, 5).ethernet().build(), headers),
            DropReason::kNone);
  EXPECT_EQ(headers.inner_offset, 90);
}

TEST(ParseUnderlay, AnotherPort) {
  const Bytes frame = packet()
                          .ethernet()
                          .ipv4()
                          .udp({.destination_port = 8472})
                          .vxlan({.vni = 9})
                          .ethernet()
                          .build();
  UnderlayHeaders headers;
  EXPECT_EQ(parse(frame, headers, {.vxlan_port = 8472}), DropReason::kNone);
  EXPECT_EQ(headers.kind, Kind::kVxlan);
  EXPECT_EQ(parse(frame, headers), DropReason::underlay_protocol);
}

TEST(ParseUnderlay, PaddingIsNotPartOfTheInnerFrame) {
  UnderlayHeaders headers;
  const auto builder = vxlan_packet({}, {}, 5).ethernet();
  ASSERT_EQ(parse(builder.padded_to(100).build(), headers), DropReason::kNone);
  EXPECT_EQ(headers.outer_end, builder.build().size());
}

TEST(ParseUnderlay, VxlanOverIpv6) {
  const Bytes frame = good_packet_v6();
  UnderlayHeaders headers;
  ASSERT_EQ(parse(frame, headers), DropReason::kNone);
  EXPECT_EQ(headers.kind, Kind::kVxlan);
  EXPECT_TRUE(headers.is_v6);
  EXPECT_EQ(headers.vni, 0xabcdefU);
  EXPECT_EQ(headers.tos, 3);
  EXPECT_EQ(headers.udp_offset, 54);
  EXPECT_EQ(headers.inner_offset, 70);
  EXPECT_EQ(headers.outer_end, frame.size());
}

TEST(ParseUnderlay, TheTagOfTheUplink) {
  const auto tagged = [](std::uint16_t id, std::uint8_t priority, std::uint16_t type) {
    return packet()
        .ethernet()
        .vlan({.id = id, .priority = priority, .tag_type = type})
        .ipv4()
        .udp({.destination_port = udp_port::kVxlan})
        .vxlan({.vni = 5})
        .ethernet()
        .build();
  };
  UnderlayHeaders headers;
  ASSERT_EQ(parse(tagged(100, 0, ether_type::kVlan), headers, {.vlan = 100}), DropReason::kNone);
  EXPECT_EQ(headers.l3_offset, 18);
  EXPECT_EQ(headers.inner_offset, 54);
  EXPECT_EQ(parse(tagged(100, 7, ether_type::kVlan), headers, {.vlan = 100}), DropReason::kNone)
      << "whatever its priority";
  EXPECT_EQ(parse(tagged(101, 0, ether_type::kVlan), headers, {.vlan = 100}),
            DropReason::underlay_vlan);
  EXPECT_EQ(parse(tagged(0, 0, ether_type::kVlan), headers, {.vlan = 100}),
            DropReason::underlay_vlan);
  EXPECT_EQ(parse(tagged(100, 0, ether_type::kQinQ), headers, {.vlan = 100}),
            DropReason::underlay_vlan);
  EXPECT_EQ(parse(good_packet(), headers, {.vlan = 100}), DropReason::underlay_vlan);
  EXPECT_EQ(parse(tagged(100, 0, ether_type::kVlan), headers), DropReason::vlan_unsupported);
  const Bytes whole = tagged(100, 0, ether_type::kVlan);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(
        parse({whole.begin(), whole.begin() + static_cast<int>(length)}, headers, {.vlan = 100}),
        DropReason::kNone)
        << length;
  }
}

TEST(ParseUnderlay, NeighborDiscovery) {
  const auto message = [](std::uint8_t type) {
    return packet().ethernet().ipv6({.next_header = 58}).payload(Bytes{type, 0, 0, 0}).build();
  };
  for (unsigned type = 0; type < 256; ++type) {
    UnderlayHeaders headers;
    const auto reason = parse(message(static_cast<std::uint8_t>(type)), headers);
    const bool is_ours = type == 135 || type == 136;
    EXPECT_EQ(reason, is_ours ? DropReason::kNone : DropReason::underlay_protocol) << type;
    EXPECT_EQ(headers.kind == Kind::kNeighborDiscovery, is_ours) << type;
  }
}

TEST(ParseUnderlay, ArpAndOther) {
  UnderlayHeaders headers;
  ASSERT_EQ(parse(packet().ethernet().arp().build(), headers), DropReason::kNone);
  EXPECT_EQ(headers.kind, Kind::kArp);
  EXPECT_EQ(parse(packet().ethernet().ipv4().tcp().build(), headers),
            DropReason::underlay_protocol);
  EXPECT_EQ(parse(packet().ethernet().ipv6().tcp().build(), headers),
            DropReason::underlay_protocol);
}

TEST(ParseUnderlay, EveryFlagsByte) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    UnderlayHeaders headers;
    const auto reason = parse(packet()
                                  .ethernet()
                                  .ipv4()
                                  .udp({.destination_port = udp_port::kVxlan})
                                  .vxlan({.flags = static_cast<std::uint8_t>(flags)})
                                  .ethernet()
                                  .build(),
                              headers);
    EXPECT_EQ(reason, flags == 0x08 ? DropReason::kNone : DropReason::vxlan_flags) << flags;
  }
}

struct Case {
  std::string name;
  Bytes frame;
  DropReason reason;
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.name;
}

class ParseUnderlayCase : public testing::TestWithParam<Case> {};

TEST_P(ParseUnderlayCase, HasItsReason) {
  UnderlayHeaders headers;
  EXPECT_EQ(text_of(parse(GetParam().frame, headers)).name, text_of(GetParam().reason).name);
}

std::vector<Case> cases() {
  using R = DropReason;
  const auto ip = [](Ipv4Fields fields) {
    return vxlan_packet({}, fields, 5).ethernet().ipv4().udp().build();
  };
  const auto ip6 = [](Ipv6Fields fields) {
    return packet()
        .ethernet()
        .ipv6(fields)
        .udp({.destination_port = udp_port::kVxlan})
        .vxlan({.vni = 5})
        .ethernet()
        .build();
  };
  const auto udp = [](UdpFields fields) {
    fields.destination_port = udp_port::kVxlan;
    return packet().ethernet().ipv4().udp(fields).vxlan().ethernet().padded_to(120).build();
  };
  return {
      {"SourceIsMulticast", vxlan_packet({.source = kBroadcastMac}, {}, 5).ethernet().build(),
       R::source_mac_invalid},
      {"Vlan", packet().ethernet().vlan().ipv4().udp().build(), R::vlan_unsupported},
      {"Ipv6Truncated", packet().ethernet({.type = ether_type::kIpv6}).payload_of_size(39).build(),
       R::underlay_ipv6_malformed},
      {"Ipv6Version", ip6({.version = 4}), R::underlay_ipv6_malformed},
      {"Ipv6PayloadBeyondTheFrame", ip6({.payload_length = 1500}), R::underlay_ipv6_malformed},
      {"Ipv6PayloadWithoutUdp", ip6({.payload_length = 7}), R::underlay_udp_malformed},
      {"Ipv6Jumbogram", ip6({.payload_length = 0}), R::underlay_udp_malformed},
      {"Ipv6SourceIsAGroup", ip6({.source = IpAddress::from_numbers(0xff02000000000000, 1)}),
       R::underlay_ipv6_malformed},
      {"Ipv6Fragment", ip6({.next_header = 44}), R::underlay_fragment},
      {"Ipv6HopByHop", ip6({.next_header = 0}), R::underlay_protocol},
      {"EtherTypeUnknown", packet().ethernet().build(), R::ethertype_unsupported},
      {"ArpMalformed", packet().ethernet().arp({.hardware_length = 5}).build(), R::arp_malformed},
      {"Version5", ip({.version = 5}), R::underlay_ipv4_malformed},
      {"IhlFour", ip({.ihl = 4}), R::underlay_ipv4_malformed},
      {"IhlZero", ip({.ihl = 0}), R::underlay_ipv4_malformed},
      {"TotalLengthInsideTheHeader", ip({.total_length = 19}), R::underlay_ipv4_malformed},
      {"TotalLengthBeyondTheFrame", ip({.total_length = 1500}), R::underlay_ipv4_malformed},
      {"Ipv4Checksum", ip({.checksum = 1}), R::underlay_ipv4_malformed},
      {"FirstFragment", ip({.more_fragments = true}), R::underlay_fragment},
      {"LaterFragment", ip({.fragment_offset = 10}), R::underlay_fragment},
      {"UdpOutsideThePacket",
       packet().ethernet().ipv4({.protocol = 17}).payload_of_size(7).padded_to(60).build(),
       R::underlay_udp_malformed},
      {"UdpLength7", udp({.length = 7}), R::underlay_udp_malformed},
      {"UdpLengthBeyondThePacket", udp({.length = 31}), R::underlay_udp_malformed},
      {"UdpLengthWithoutVxlan", udp({.length = 15}), R::vxlan_truncated},
      {"UdpLengthOneByteShortOfTheInnerHeader", udp({.length = 29}), R::vxlan_truncated},
      {"UdpWithoutChecksum", udp({.checksum = 0}), R::kNone},
  };
}

INSTANTIATE_TEST_SUITE_P(All, ParseUnderlayCase, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(ParseUnderlay, TruncatedAtEveryLength) {
  const Bytes whole = good_packet();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    UnderlayHeaders headers;
    const auto reason = parse({whole.begin(), whole.begin() + static_cast<int>(length)}, headers);
    EXPECT_EQ(text_of(reason).name, text_of(length < 14 ? DropReason::frame_truncated
                                                        : DropReason::underlay_ipv4_malformed)
                                        .name)
        << length;
  }
}

// With lengths that fit, so that each header is cut for itself.
TEST(ParseUnderlay, PayloadOfEveryLength) {
  const Bytes whole = good_packet();
  for (std::size_t length = 0; length <= 30; ++length) {
    const auto payload = std::span{whole}.subspan(42, length);
    UnderlayHeaders headers;
    const auto reason = parse(packet()
                                  .ethernet()
                                  .ipv4()
                                  .udp({.destination_port = udp_port::kVxlan})
                                  .payload(payload)
                                  .padded_to(80)
                                  .build(),
                              headers);
    EXPECT_EQ(reason, length < 22 ? DropReason::vxlan_truncated : DropReason::kNone) << length;
  }
}

TEST(ParseUnderlay, FirstBufferCutAtEveryLength) {
  for (const auto& [whole, needed] : {std::pair{good_packet(), 64U}, {good_packet_v6(), 84U}}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      ExactCopy first{std::span{whole}.first(length)};
      UnderlayHeaders headers;
      const auto reason = parse_underlay(first.bytes(), whole.size(), {}, headers);
      EXPECT_EQ(reason == DropReason::kNone, length >= needed) << length;  // to the inner header
    }
  }
}

}  // namespace
}  // namespace alkaid::test
