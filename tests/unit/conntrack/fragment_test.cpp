#include "dataplane/conntrack/fragment.hpp"

#include <gtest/gtest.h>

#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

Fragment described(const Bytes& frame) {
  ExactCopy copy{frame};
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(copy.bytes(), copy.size(), headers), DropReason::kNone);
  EXPECT_TRUE(headers.is_fragment);
  return describe_fragment(copy.bytes(), headers);
}

FragmentUpper upper(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  return {protocol, BigEndian16{source}, BigEndian16{destination}};
}

TEST(Fragment, FirstOfIpv4) {
  const Fragment fragment = described(
      packet()
          .ethernet()
          .ipv4({.identification = 0xabcd, .more_fragments = true, .options = Bytes(8, 1)})
          .udp({.length = 900})
          .payload_of_size(392)
          .build());
  EXPECT_EQ(fragment.key.source, IpAddress{kIpA});
  EXPECT_EQ(fragment.key.destination, IpAddress{kIpB});
  EXPECT_EQ(fragment.key.identification, 0xabcdU);
  EXPECT_EQ(fragment.key.protocol, ip_protocol::kUdp);
  EXPECT_EQ(fragment.key.is_v6, 0);
  EXPECT_TRUE(fragment.piece.is_first());
  EXPECT_EQ(fragment.piece.length, 400);
  EXPECT_TRUE(fragment.piece.more);
  EXPECT_EQ(fragment.upper, upper(17, 1000, 2000));
}

TEST(Fragment, LastOfIpv4WithPadding) {
  const Fragment fragment =
      described(packet()
                    .ethernet()
                    .ipv4({.identification = 7, .fragment_offset = 50, .protocol = 17})
                    .payload_of_size(5)
                    .padded_to(60)
                    .build());
  EXPECT_EQ(fragment.piece.offset, 400);
  EXPECT_EQ(fragment.piece.length, 5);
  EXPECT_FALSE(fragment.piece.more);
  EXPECT_EQ(fragment.upper, FragmentUpper{});
}

TEST(Fragment, OfIpv6BehindExtensionHeaders) {
  const auto front = packet()
                         .ethernet()
                         .ipv6()
                         .ipv6_extension({.number = ip_protocol::kHopByHop, .more_words = 1})
                         .ipv6_extension({.number = ip_protocol::kIpv6Routing});
  const Fragment first =
      described(front.ipv6_fragment({.more_fragments = true, .identification = 0x12345678})
                    .ipv6_extension({.number = ip_protocol::kIpv6DestinationOptions})
                    .udp({.length = 900})
                    .payload_of_size(16)
                    .build());
  EXPECT_EQ(first.key.source, Ipv6Fields{}.source);
  EXPECT_EQ(first.key.destination, Ipv6Fields{}.destination);
  EXPECT_EQ(first.key.identification, 0x12345678U);
  EXPECT_EQ(first.key.is_v6, 1);
  EXPECT_EQ(first.piece.length, 8 + 8 + 16);
  EXPECT_EQ(first.upper, upper(17, 1000, 2000));
  // Its next header is what the fragmented part begins with: not the upper layer.
  const Fragment later =
      described(front
                    .ipv6_fragment({.offset = 4,
                                    .identification = 0x12345678,
                                    .next_header = ip_protocol::kIpv6DestinationOptions})
                    .payload_of_size(9)
                    .build());
  EXPECT_EQ(later.key, first.key);
  EXPECT_EQ(later.piece.offset, 32);
  EXPECT_EQ(later.piece.length, 9);
  EXPECT_FALSE(later.piece.more);
}

TEST(Fragment, IcmpQueriesHaveTheirPorts) {
  EXPECT_EQ(described(packet()
                          .ethernet()
                          .ipv4({.more_fragments = true})
                          .icmp({.identifier = 0x77})
                          .payload_of_size(8)
                          .build())
                .upper,
            upper(1, 0x77, 0x0800));
  EXPECT_EQ(described(packet()
                          .ethernet()
                          .ipv6()
                          .ipv6_fragment({.more_fragments = true})
                          .icmpv6({.type = icmpv6_type::kEchoReply, .word = 0x00770001})
                          .payload_of_size(8)
                          .build())
                .upper,
            upper(58, 0x8000, 0x77));
}

TEST(Fragment, WithoutPorts) {
  EXPECT_EQ(described(packet()
                          .ethernet()
                          .ipv4({.more_fragments = true, .protocol = 47})
                          .payload_of_size(8)
                          .build())
                .upper,
            upper(47, 0, 0));
}

}  // namespace
}  // namespace alkaid::test
