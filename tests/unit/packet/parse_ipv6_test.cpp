// parse_frame on IPv6: extension headers, fragments, addresses, and what later nodes ask for.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

namespace p = ip_protocol;

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

auto ipv6(Ipv6Fields fields = {}) {
  return packet().ethernet().ipv6(fields);
}

TEST(ParseIpv6, ExtensionHeadersAreSkipped) {
  const auto headers =
      parse_good(ipv6()
                     .ipv6_extension({.number = p::kHopByHop})
                     .ipv6_extension({.more_words = 2})
                     .ipv6_extension({.number = p::kIpv6Routing, .more_words = 1})
                     .ipv6_extension({.number = p::kAuthentication, .more_words = 2})
                     .ipv6_extension({})
                     .tcp({.destination_port = 443})
                     .payload_of_size(3)
                     .build());
  EXPECT_EQ(headers.protocol, p::kTcp);
  EXPECT_EQ(headers.l4_offset, 54 + 8 + 24 + 16 + 24 + 8);
  EXPECT_EQ(headers.destination_port.host(), 443);
  EXPECT_EQ(headers.l3_end, headers.l4_offset + 23);
  EXPECT_FALSE(headers.is_fragment);
}

TEST(ParseIpv6, AuthenticationHeaderCountsInUnitsOfFour) {
  // 12 bytes fixed and 12 of check value: 24 bytes, (24 / 4) - 2 = 4.
  const auto headers = parse_good(
      ipv6().ipv6_extension({.number = p::kAuthentication, .more_words = 2}).udp().build());
  EXPECT_EQ(headers.l4_offset, 54 + 24);
}

TEST(ParseIpv6, FirstFragmentHasPortsLaterOnesHaveNone) {
  const auto first = parse_good(ipv6()
                                    .ipv6_fragment({.more_fragments = true})
                                    .udp({.length = 3000})
                                    .payload_of_size(16)
                                    .build());
  EXPECT_TRUE(first.is_fragment);
  EXPECT_EQ(first.l4_offset, 62);
  EXPECT_EQ(first.protocol, p::kUdp);
  EXPECT_EQ(first.destination_port.host(), 2000);
  const auto later = parse_good(
      ipv6().ipv6_fragment({.offset = 3, .next_header = p::kUdp}).payload_of_size(1).build());
  EXPECT_TRUE(later.is_fragment);
  EXPECT_EQ(later.l4_offset, 0);
  EXPECT_EQ(later.protocol, p::kUdp);
  EXPECT_EQ(later.source_port.host(), 0);
}

// RFC 6946: a fragment header on a whole packet.
TEST(ParseIpv6, AtomicFragmentsAreWhole) {
  const auto headers = parse_good(ipv6().ipv6_fragment().udp().payload_of_size(5).build());
  EXPECT_FALSE(headers.is_fragment);
  EXPECT_EQ(headers.l4_offset, 62);
  EXPECT_EQ(headers.destination_port.host(), 2000);
}

// The options in the middle of a later fragment are not walked.
TEST(ParseIpv6, LaterFragmentsEndTheWalk) {
  const auto headers =
      parse_good(ipv6()
                     .ipv6_fragment({.offset = 2, .next_header = p::kIpv6DestinationOptions})
                     .payload(Bytes(16, 0xff))
                     .build());
  EXPECT_EQ(headers.protocol, p::kIpv6DestinationOptions);
  EXPECT_EQ(headers.l4_offset, 0);
}

TEST(ParseIpv6, NothingToReadBehindEspAndNoNextHeader) {
  for (const std::uint8_t protocol : {p::kEncryptedPayload, p::kNoNextHeader}) {
    const auto headers =
        parse_good(ipv6().ipv6_extension({.next_header = protocol}).payload_of_size(20).build());
    EXPECT_EQ(headers.protocol, protocol);
    EXPECT_EQ(headers.l4_offset, 0);
  }
}

TEST(ParseIpv6, UnknownProtocolsPass) {
  const auto headers = parse_good(ipv6().build());
  EXPECT_EQ(headers.protocol, kExperimentalProtocol);
  EXPECT_EQ(headers.l4_offset, 54);
}

TEST(ParseIpv6, ServicesAreRecognized) {
  const auto of_type = [](std::uint8_t type) {
    return parse_good(ipv6().icmpv6({.type = type}).payload_of_size(16).build());
  };
  for (int type = 128; type < 150; ++type) {
    SCOPED_TRACE(type);
    const auto headers = of_type(static_cast<std::uint8_t>(type));
    EXPECT_EQ(headers.is_nd, type >= 133 && type <= 137);
    EXPECT_EQ(headers.is_mld, (type >= 130 && type <= 132) || type == 143);
  }
  EXPECT_TRUE(parse_good(ipv6()
                             .ipv6_extension({.number = p::kHopByHop})
                             .icmpv6({.type = icmpv6_type::kListenerReportV2})
                             .build())
                  .is_mld);
  const auto udp = [](std::uint16_t source, std::uint16_t destination) {
    return parse_good(ipv6().udp({.source_port = source, .destination_port = destination}).build())
        .is_dhcpv6_client;
  };
  EXPECT_TRUE(udp(546, 547));
  EXPECT_FALSE(udp(547, 546));
  EXPECT_FALSE(udp(546, 546));
  EXPECT_FALSE(parse_good(ipv6().tcp({.source_port = 546, .destination_port = 547}).build())
                   .is_dhcpv6_client);
  EXPECT_FALSE(parse_good(ipv6()
                              .ipv6_fragment({.more_fragments = true})
                              .udp({.source_port = 546, .destination_port = 547})
                              .build())
                   .is_dhcpv6_client);
}

TEST(ParseIpv6, EightExtensionHeadersAreTheMost) {
  const auto options = [](int count) {
    auto builder = ipv6();
    for (int i = 0; i < count; ++i) {
      builder = builder.ipv6_extension({});
    }
    return builder.udp().build();
  };
  EXPECT_EQ(parse_good(options(8)).l4_offset, 54 + 64);
  FrameHeaders headers;
  EXPECT_EQ(parse(options(9), headers), DropReason::ipv6_extension_headers);
}

struct Case {
  std::string name;
  Bytes frame;
  DropReason reason;
};

void PrintTo(const Case& test_case, std::ostream* out) {
  *out << test_case.name;
}

class ParseIpv6Case : public testing::TestWithParam<Case> {};

TEST_P(ParseIpv6Case, HasItsReason) {
  FrameHeaders headers;
  EXPECT_EQ(text_of(parse(GetParam().frame, headers)).name, text_of(GetParam().reason).name);
}

Bytes from(const char* source) {
  return ipv6({.source = *IpAddress::parse(source)}).udp().build();
}

// IpAddress::parse would read "::ffff:10.0.0.1" as IPv4, and so it is held.
constexpr IpAddress kMapped{Ipv4Address{0x0a000001}};

std::vector<Case> cases() {
  using R = DropReason;
  const auto unspecified = ipv6({.source = IpAddress{}});
  const auto icmpv6 = [unspecified](std::uint8_t type) {
    return unspecified.icmpv6({.type = type}).payload_of_size(16).build();
  };
  const auto to = [](const IpAddress& destination) {
    return ipv6({.destination = destination}).udp().build();
  };
  const auto fragment = [](Ipv6FragmentFields fields, std::size_t size) {
    return ipv6().ipv6_fragment(fields).payload(Bytes(size, 0)).build();
  };
  return {
      {"HopByHopNotFirst",
       ipv6().ipv6_extension({}).ipv6_extension({.number = p::kHopByHop}).udp().build(),
       R::ipv6_extension_headers},
      {"LengthBeyondThePacket", ipv6().ipv6_extension({.length = 200}).udp().build(),
       R::ipv6_extension_headers},
      {"LengthOneWordTooLong",
       ipv6().ipv6_extension({.next_header = p::kNoNextHeader, .length = 1}).build(),
       R::ipv6_extension_headers},
      {"LengthJustFits",
       ipv6().ipv6_extension({.more_words = 1, .next_header = p::kNoNextHeader}).build(), R::kNone},
      {"AuthenticationBeyondThePacket",
       ipv6().ipv6_extension({.number = p::kAuthentication, .length = 255}).udp().build(),
       R::ipv6_extension_headers},
      {"NothingBehindTheLastHeader",
       ipv6().ipv6_extension({.next_header = p::kIpv6DestinationOptions}).build(),
       R::ipv6_extension_headers},
      {"TcpCutBehindExtensions",
       ipv6().ipv6_extension({.next_header = p::kTcp}).payload(Bytes(19, 0)).build(),
       R::l4_truncated},
      {"JumboPayload",
       ipv6({.payload_length = 0}).ipv6_extension({.number = p::kHopByHop}).udp().build(),
       R::ipv6_extension_headers},
      {"TwoFragmentHeaders", ipv6().ipv6_fragment().ipv6_fragment().udp().build(),
       R::ipv6_extension_headers},

      {"FragmentHeaderCut", ipv6({.next_header = p::kIpv6Fragment}).payload(Bytes(7, 0)).build(),
       R::ipv6_extension_headers},
      {"FirstFragmentEndsInItsOptions",
       ipv6().ipv6_fragment({.more_fragments = true}).ipv6_extension({.length = 1}).build(),
       R::ipv6_fragment},
      {"FirstFragmentEndsInTcp", fragment({.more_fragments = true, .next_header = p::kTcp}, 16),
       R::l4_truncated},
      {"FragmentThatRewritesTcp", fragment({.offset = 1, .next_header = p::kTcp}, 16),
       R::ipv6_fragment},
      {"FragmentOfOddLength", fragment({.offset = 4, .more_fragments = true}, 9), R::ipv6_fragment},
      {"LastFragmentOfOddLength", fragment({.offset = 4}, 9), R::kNone},
      {"FragmentBeyond65535", fragment({.offset = 0x1fff}, 8), R::ipv6_fragment},
      {"NeighborDiscoveryInAFragment",
       ipv6()
           .ipv6_fragment({.more_fragments = true})
           .icmpv6({.type = icmpv6_type::kNeighborAdvertisement})
           .payload(Bytes(16))
           .build(),
       R::nd_fragmented},
      {"NeighborDiscoveryInAnAtomicFragment",
       ipv6()
           .ipv6_fragment()
           .icmpv6({.type = icmpv6_type::kRouterAdvertisement})
           .payload(Bytes(16))
           .build(),
       R::nd_fragmented},

      {"SourceLoopback", from("::1"), R::source_ip_invalid},
      {"SourceMapped", ipv6({.source = kMapped}).udp().build(), R::source_ip_invalid},
      {"SourceMulticast", from("ff02::1"), R::source_ip_invalid},
      {"SourceUnspecified", from("::"), R::source_ip_invalid},
      {"SourceLinkLocal", from("fe80::1"), R::kNone},
      {"SourceCompatible", from("::2"), R::kNone},
      {"DuplicateAddressDetection", icmpv6(icmpv6_type::kNeighborSolicitation), R::kNone},
      {"RouterSolicitationWithoutSource", icmpv6(icmpv6_type::kRouterSolicitation), R::kNone},
      {"AdvertisementWithoutSource", icmpv6(icmpv6_type::kNeighborAdvertisement),
       R::source_ip_invalid},
      {"RouterAdvertisementWithoutSource", icmpv6(icmpv6_type::kRouterAdvertisement),
       R::source_ip_invalid},
      {"EchoWithoutSource", icmpv6(icmpv6_type::kEchoRequest), R::source_ip_invalid},
      {"ListenerReportWithoutSource", icmpv6(icmpv6_type::kListenerReportV2), R::kNone},
      {"Dhcpv6WithoutSource",
       unspecified.udp({.source_port = 546, .destination_port = 547}).build(), R::kNone},

      {"DestinationUnspecified", to(IpAddress{}), R::destination_ip_invalid},
      {"DestinationLoopback", to(*IpAddress::parse("::1")), R::destination_ip_invalid},
      {"DestinationMapped", to(kMapped), R::destination_ip_invalid},
      {"DestinationOfInterfaceScope", to(*IpAddress::parse("ff01::1")), R::destination_ip_invalid},
      {"DestinationOfLinkScope", to(*IpAddress::parse("ff02::1")), R::kNone},
  };
}

INSTANTIATE_TEST_SUITE_P(All, ParseIpv6Case, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

// The whole packet may be there while the first buffer is short: nothing beyond the buffer is read.
TEST(ParseIpv6, FirstBufferCutAtEveryLength) {
  const Bytes whole = ipv6()
                          .ipv6_extension({.number = p::kHopByHop})
                          .ipv6_extension({.number = p::kIpv6Routing, .more_words = 2})
                          .ipv6_extension({.number = p::kAuthentication, .more_words = 1})
                          .ipv6_fragment()
                          .icmpv6()
                          .build();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ExactCopy first{std::span{whole}.first(length)};
    FrameHeaders headers;
    EXPECT_NE(parse_frame(first.bytes(), whole.size(), headers), DropReason::kNone) << length;
  }
}

}  // namespace
}  // namespace alkaid::test
