// parse_frame: what it finds in good frames and why it refuses bad ones.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

using Kind = FrameHeaders::Kind;

DropReason parse(const Bytes& frame, FrameHeaders& headers) {
  ExactCopy copy{frame};
  return parse_frame(copy.bytes(), copy.size(), headers);
}

FrameHeaders parse_good(const Bytes& frame) {
  FrameHeaders headers;
  const auto reason = parse(frame, headers);
  EXPECT_EQ(reason, DropReason::kNone) << text_of(reason).name;
  return headers;
}

TEST(ParseFrame, TcpOverIpv4) {
  const auto headers = parse_good(packet()
                                      .ethernet()
                                      .ipv4()
                                      .tcp({.source_port = 40000, .destination_port = 443})
                                      .payload_of_size(10)
                                      .build());
  EXPECT_EQ(headers.kind, Kind::kIpv4);
  EXPECT_EQ(headers.protocol, ip_protocol::kTcp);
  EXPECT_EQ(headers.l3_offset, 14);
  EXPECT_EQ(headers.l4_offset, 34);
  EXPECT_EQ(headers.l3_end, 64);
  EXPECT_EQ(headers.source_port.host(), 40000);
  EXPECT_EQ(headers.destination_port.host(), 443);
  EXPECT_FALSE(headers.is_fragment);
  EXPECT_FALSE(headers.is_dhcp_client);
}

TEST(ParseFrame, OptionsMoveTheNextHeader) {
  const auto headers = parse_good(
      packet().ethernet().ipv4({.options = Bytes(40, 1)}).tcp({.options = Bytes(40, 1)}).build());
  EXPECT_EQ(headers.l4_offset, 14 + 60);
  EXPECT_EQ(headers.l3_end, 14 + 60 + 60);
  EXPECT_EQ(headers.destination_port.host(), 2000);
}

TEST(ParseFrame, PaddingIsNotPartOfThePacket) {
  const auto headers = parse_good(packet().ethernet().ipv4().udp().padded_to(60).build());
  EXPECT_EQ(headers.l3_end, 42);
}

TEST(ParseFrame, IcmpHasNoPorts) {
  const auto headers = parse_good(packet().ethernet().ipv4().icmp().build());
  EXPECT_EQ(headers.protocol, ip_protocol::kIcmp);
  EXPECT_EQ(headers.l4_offset, 34);
  EXPECT_EQ(headers.source_port.host(), 0);
  EXPECT_EQ(headers.destination_port.host(), 0);
}

TEST(ParseFrame, UnknownProtocolsPass) {
  const auto headers = parse_good(packet().ethernet().ipv4().build());
  EXPECT_EQ(headers.protocol, kExperimentalProtocol);
  EXPECT_EQ(headers.l4_offset, 34);
  EXPECT_EQ(headers.l3_end, 34);
}

TEST(ParseFrame, Arp) {
  const auto headers = parse_good(packet().ethernet().arp().padded_to(60).build());
  EXPECT_EQ(headers.kind, Kind::kArp);
  EXPECT_EQ(headers.l3_offset, 14);
  EXPECT_EQ(headers.l3_end, 42);
  EXPECT_EQ(headers.l4_offset, 0);
}

TEST(ParseFrame, Ipv6) {
  const auto headers = parse_good(
      packet().ethernet().ipv6().udp({.destination_port = 53}).payload_of_size(5).build());
  EXPECT_EQ(headers.kind, Kind::kIpv6);
  EXPECT_EQ(headers.protocol, ip_protocol::kUdp);
  EXPECT_EQ(headers.l4_offset, 54);
  EXPECT_EQ(headers.l3_end, 67);
  EXPECT_EQ(headers.destination_port.host(), 53);
}

TEST(ParseFrame, FirstFragmentHasPortsLaterOnesHaveNone) {
  // A first fragment's UDP length spans all fragments.
  const auto first = parse_good(packet()
                                    .ethernet()
                                    .ipv4({.more_fragments = true})
                                    .udp({.length = 3000})
                                    .payload_of_size(16)
                                    .build());
  EXPECT_TRUE(first.is_fragment);
  EXPECT_EQ(first.l4_offset, 34);
  EXPECT_EQ(first.destination_port.host(), 2000);
  const auto later = parse_good(packet()
                                    .ethernet()
                                    .ipv4({.fragment_offset = 3, .protocol = ip_protocol::kUdp})
                                    .payload_of_size(1)
                                    .build());
  EXPECT_TRUE(later.is_fragment);
  EXPECT_EQ(later.l4_offset, 0);
  EXPECT_EQ(later.protocol, ip_protocol::kUdp);
  EXPECT_EQ(later.source_port.host(), 0);
}

TEST(ParseFrame, DhcpClientsAreRecognized) {
  const auto from_to = [](std::uint16_t source, std::uint16_t destination, bool fragment = false) {
    return parse_good(packet()
                          .ethernet()
                          .ipv4({.source = Ipv4Address{},
                                 .destination = Ipv4Address{0xffffffff},
                                 .more_fragments = fragment})
                          .udp({.source_port = source, .destination_port = destination})
                          .payload_of_size(240)
                          .build())
        .is_dhcp_client;
  };
  EXPECT_TRUE(from_to(68, 67));
  EXPECT_FALSE(from_to(67, 68));
  EXPECT_FALSE(from_to(1068, 67));
  EXPECT_FALSE(from_to(68, 67, true));
  EXPECT_FALSE(
      parse_good(
          packet().ethernet().ipv4().tcp({.source_port = 68, .destination_port = 67}).build())
          .is_dhcp_client);
}

TEST(ParseFrame, HeadersInTheFirstBufferAreEnough) {
  const Bytes frame = packet().ethernet().ipv4().tcp().payload_of_size(100).build();
  ExactCopy headers_only{std::span{frame}.first(54)};
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(headers_only.bytes(), frame.size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.l3_end, frame.size());
}

struct Case {
  std::string name;
  Bytes frame;
  DropReason reason;
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.name;
}

class ParseFrameCase : public testing::TestWithParam<Case> {};

TEST_P(ParseFrameCase, HasItsReason) {
  FrameHeaders headers;
  EXPECT_EQ(text_of(parse(GetParam().frame, headers)).name, text_of(GetParam().reason).name);
}

std::vector<Case> cases() {
  using R = DropReason;
  const auto ip = [](Ipv4Fields fields) { return packet().ethernet().ipv4(fields).udp().build(); };
  const auto arp = [](ArpFields fields) { return packet().ethernet().arp(fields).build(); };
  const auto tcp = [](TcpFields fields) { return packet().ethernet().ipv4().tcp(fields).build(); };
  const auto udp = [](UdpFields fields, Ipv4Fields ip_fields = {}) {
    return packet().ethernet().ipv4(ip_fields).udp(fields).payload_of_size(8).padded_to(60).build();
  };
  const auto short_l4 = [](std::uint8_t protocol, std::size_t size) {
    return packet()
        .ethernet()
        .ipv4({.protocol = protocol})
        .payload(Bytes(size, 0x55))
        .padded_to(100)
        .build();
  };
  return {
      {"SourceIsBroadcast", packet().ethernet({.source = kBroadcastMac}).arp().build(),
       R::source_mac_invalid},
      {"SourceIsMulticast",
       packet().ethernet({.source = MacAddress::from_number(0x01005e000001)}).arp().build(),
       R::source_mac_invalid},
      {"SourceIsZero", packet().ethernet({.source = MacAddress{}}).arp().build(),
       R::source_mac_invalid},
      {"EtherTypeUnknown", packet().ethernet().payload_of_size(46).build(),
       R::ethertype_unsupported},
      {"LengthField", packet().ethernet({.type = 46}).payload_of_size(46).build(),
       R::ethertype_unsupported},
      {"Vlan", packet().ethernet().vlan().ipv4().udp().build(), R::vlan_unsupported},
      {"QinQ", packet().ethernet().vlan({.tag_type = ether_type::kQinQ}).vlan().arp().build(),
       R::vlan_unsupported},

      {"ArpHardwareType", arp({.hardware_type = 6}), R::arp_malformed},
      {"ArpProtocolType", arp({.protocol_type = ether_type::kIpv6}), R::arp_malformed},
      {"ArpHardwareLength", arp({.hardware_length = 8}), R::arp_malformed},
      {"ArpProtocolLength", arp({.protocol_length = 16}), R::arp_malformed},

      {"Ipv4Version5", ip({.version = 5}), R::ipv4_version},
      {"Ipv4Version6", ip({.version = 6}), R::ipv4_version},
      {"IhlZero", ip({.ihl = 0}), R::ipv4_header_length},
      {"IhlFour", ip({.ihl = 4}), R::ipv4_header_length},
      {"IhlBeyondTheFrame", ip({.ihl = 15}), R::ipv4_header_length},
      {"IhlBeyondTotalLength", packet().ethernet().ipv4({.ihl = 8}).udp({}).padded_to(100).build(),
       R::ipv4_total_length},
      {"TotalLengthZero", ip({.total_length = 0}), R::ipv4_total_length},
      {"TotalLengthInsideTheHeader", ip({.total_length = 19}), R::ipv4_total_length},
      {"TotalLengthOneTooLong", ip({.total_length = 29}), R::ipv4_total_length},
      {"TotalLengthHuge", ip({.total_length = 65535}), R::ipv4_total_length},
      {"Ipv4Checksum", ip({.checksum = 0x1234}), R::ipv4_checksum},
      {"Ipv4ChecksumZero", ip({.checksum = 0}), R::ipv4_checksum},
      {"SourceIpMulticast", ip({.source = Ipv4Address{0xe0000001}}), R::source_ip_invalid},
      {"SourceIpBroadcast", ip({.source = Ipv4Address{0xffffffff}}), R::source_ip_invalid},
      {"SourceIpLoopback", ip({.source = Ipv4Address{0x7f000001}}), R::source_ip_invalid},

      {"Ipv6Version4", packet().ethernet().ipv6({.version = 4}).udp().build(), R::ipv6_version},
      {"Ipv6PayloadTooLong", packet().ethernet().ipv6({.payload_length = 9}).udp().build(),
       R::ipv6_truncated},
      {"Ipv6UdpBeyondPayload", packet().ethernet().ipv6({.payload_length = 7}).udp().build(),
       R::l4_truncated},
      {"Ipv6SourceMulticast",
       packet()
           .ethernet()
           .ipv6({.source = IpAddress::from_numbers(0xff02000000000000, 1)})
           .udp()
           .build(),
       R::source_ip_invalid},

      {"TcpShort", short_l4(ip_protocol::kTcp, 19), R::l4_truncated},
      {"UdpShort", short_l4(ip_protocol::kUdp, 7), R::l4_truncated},
      {"IcmpShort", short_l4(ip_protocol::kIcmp, 7), R::l4_truncated},
      {"SctpShort", short_l4(ip_protocol::kSctp, 11), R::l4_truncated},
      {"SctpWhole", short_l4(ip_protocol::kSctp, 12), R::kNone},
      {"TcpDataOffsetZero", tcp({.data_offset = 0}), R::l4_truncated},
      {"TcpDataOffset4", tcp({.data_offset = 4}), R::l4_truncated},
      {"TcpDataOffsetBeyond", tcp({.data_offset = 6}), R::l4_truncated},
      {"UdpLengthZero", udp({.length = 0}), R::l4_truncated},
      {"UdpLength7", udp({.length = 7}), R::l4_truncated},
      {"UdpLengthBeyondThePacket", udp({.length = 17}), R::l4_truncated},
      {"UdpLengthInsideThePacket", udp({.length = 9}), R::kNone},
      {"UdpLength7OfAFragment", udp({.length = 7}, {.more_fragments = true}), R::l4_truncated},
      {"TinyFirstFragment",
       packet()
           .ethernet()
           .ipv4({.more_fragments = true, .protocol = ip_protocol::kTcp})
           .payload(Bytes(8, 0))
           .build(),
       R::l4_truncated},
      {"FragmentThatRewritesTcp",
       packet()
           .ethernet()
           .ipv4({.fragment_offset = 1, .protocol = ip_protocol::kTcp})
           .payload(Bytes(12, 0))
           .build(),
       R::ipv4_fragment},
      {"FragmentAtOffset1OfUdp",
       packet()
           .ethernet()
           .ipv4({.fragment_offset = 1, .protocol = ip_protocol::kUdp})
           .payload(Bytes(12, 0))
           .build(),
       R::kNone},
      {"FragmentBeyond65535",
       packet().ethernet().ipv4({.fragment_offset = 0x1fff}).payload(Bytes(8, 0)).build(),
       R::ipv4_fragment},
      {"UdpChecksumIsTheReceivers", udp({.checksum = 0xdead}), R::kNone},
  };
}

INSTANTIATE_TEST_SUITE_P(All, ParseFrameCase, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

// Cut anywhere, a frame is dropped for the header that the cut is in.
TEST(ParseFrame, TruncatedAtEveryLength) {
  struct {
    const char* name;
    Bytes whole;
    std::size_t l3_header_end;
    DropReason inside_l3, behind_l3;
  } const cases[] = {
      {"ipv4", packet().ethernet().ipv4().udp().payload_of_size(108).build(), 34,
       DropReason::ipv4_truncated, DropReason::ipv4_total_length},
      {"ipv4 with options",
       packet().ethernet().ipv4({.options = Bytes(40, 1)}).tcp().payload_of_size(56).build(), 34,
       DropReason::ipv4_truncated, DropReason::ipv4_total_length},
      {"ipv6", packet().ethernet().ipv6().tcp().payload_of_size(76).build(), 54,
       DropReason::ipv6_truncated, DropReason::ipv6_truncated},
      {"arp", packet().ethernet().arp().build(), 42, DropReason::arp_malformed, DropReason::kNone},
  };
  for (const auto& c : cases) {
    for (std::size_t length = 0; length < c.whole.size(); ++length) {
      SCOPED_TRACE(testing::Message() << c.name << " cut to " << length);
      FrameHeaders headers;
      const auto reason =
          parse({c.whole.begin(), c.whole.begin() + static_cast<int>(length)}, headers);
      const bool inside_options =
          std::string_view{c.name} == "ipv4 with options" && length >= 34 && length < 74;
      const auto expected = length < 14                ? DropReason::frame_truncated
                            : length < c.l3_header_end ? c.inside_l3
                            : inside_options           ? DropReason::ipv4_header_length
                                                       : c.behind_l3;
      EXPECT_EQ(text_of(reason).name, text_of(expected).name);
    }
    FrameHeaders headers;
    EXPECT_EQ(parse(c.whole, headers), DropReason::kNone);
  }
}

// The whole packet may be there while the first buffer is short: nothing beyond the buffer is read.
TEST(ParseFrame, FirstBufferCutAtEveryLength) {
  const Bytes whole = packet().ethernet().ipv4({.options = Bytes(8, 1)}).tcp().build();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ExactCopy first{std::span{whole}.first(length)};
    FrameHeaders headers;
    EXPECT_NE(parse_frame(first.bytes(), whole.size(), headers), DropReason::kNone) << length;
  }
}

}  // namespace
}  // namespace alkaid::test
