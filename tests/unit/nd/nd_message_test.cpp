// Reading neighbor discovery messages, hostile ones included, and writing advertisements.
#include "dataplane/nd/nd_message.hpp"

#include <gtest/gtest.h>

#include "dataplane/packet/eui64.hpp"
#include "dataplane/packet/link_local.hpp"
#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

constexpr IpAddress kTarget = IpAddress::from_numbers(0x20010db800000000, 0x1234);

std::optional<NdMessage> read(const Bytes& frame) {
  ExactCopy copy{frame};
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(copy.bytes(), copy.size(), headers), DropReason::kNone);
  EXPECT_TRUE(headers.is_nd);
  return read_nd_message(copy.bytes(), headers);
}

Bytes message(std::uint8_t type, const Bytes& options, std::uint32_t flags = 0) {
  return packet()
      .ethernet()
      .ipv6({.hop_limit = 255})
      .icmpv6({.type = type, .word = flags})
      .payload(kTarget.bytes())
      .payload(options)
      .build();
}

TEST(NdMessage, SolicitationWithItsSendersMac) {
  // A nonce (RFC 3971) in front, as Linux sends it.
  const auto read_message = read(message(icmpv6_type::kNeighborSolicitation,
                                         {14, 1, 1, 2, 3, 4, 5, 6, 1, 1, 2, 0, 0, 0, 0, 9}));
  ASSERT_TRUE(read_message);
  EXPECT_EQ(read_message->type, icmpv6_type::kNeighborSolicitation);
  EXPECT_EQ(read_message->target, kTarget);
  EXPECT_EQ(read_message->link_mac, MacAddress::from_number(0x020000000009));
  EXPECT_FALSE(read_message->is_duplicate_probe());
}

TEST(NdMessage, AdvertisementsHaveTheTargetsMac) {
  const Bytes options{1, 1, 2, 0, 0, 0, 0, 8, 2, 1, 2, 0, 0, 0, 0, 9};
  const auto read_message =
      read(message(icmpv6_type::kNeighborAdvertisement, options, NdNeighborHeader::kOverride));
  ASSERT_TRUE(read_message);
  EXPECT_EQ(read_message->link_mac, MacAddress::from_number(0x020000000009));
  EXPECT_EQ(read_message->flags, NdNeighborHeader::kOverride);
}

// An unset source may say nothing of its MAC (RFC 4861, 6.1.1).
TEST(NdMessage, RouterSolicitations) {
  const auto solicitation = [](const IpAddress& source, const Bytes& options) {
    return read(packet()
                    .ethernet()
                    .ipv6({.source = source, .hop_limit = 255})
                    .icmpv6({.type = icmpv6_type::kRouterSolicitation, .word = 0})
                    .payload(options)
                    .build());
  };
  const Bytes mac{1, 1, 2, 0, 0, 0, 0, 9};
  EXPECT_TRUE(solicitation(IpAddress{}, {}));
  EXPECT_FALSE(solicitation(IpAddress{}, mac));
  EXPECT_EQ(solicitation(kTarget, mac)->link_mac, MacAddress::from_number(0x020000000009));
}

TEST(NdMessage, CutOptionsAreRefused) {
  const Bytes options{14, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 9};
  for (std::size_t length = 0; length <= options.size(); ++length) {
    const Bytes cut(options.begin(), options.begin() + static_cast<std::ptrdiff_t>(length));
    const bool is_whole = length == 0 || length == 16 || length == 24;
    EXPECT_EQ(read(message(icmpv6_type::kNeighborSolicitation, cut)).has_value(), is_whole)
        << length;
  }
}

TEST(NdMessage, BeyondTheFirstBufferIsRefused) {
  const Bytes frame = message(icmpv6_type::kNeighborSolicitation, {1, 1, 2, 0, 0, 0, 0, 9});
  ExactCopy first{std::span{frame}.first(frame.size() - 8)};
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(first.bytes(), frame.size(), headers), DropReason::kNone);
  EXPECT_FALSE(read_nd_message(first.bytes(), headers));
}

TEST(NdMessage, AdvertisementsAreWrittenWhole) {
  Bytes frame(kNeighborAdvertisementSize, 0xff);
  const auto mac = MacAddress::from_number(0x020000000009);
  const std::uint32_t flags = NdNeighborHeader::kRouter | NdNeighborHeader::kSolicited;
  write_neighbor_advertisement(std::span<std::uint8_t, kNeighborAdvertisementSize>{frame},
                               {.link_destination = kMacA,
                                .mac = mac,
                                .destination = IpAddress::from_numbers(0x20010db800000000, 1),
                                .target = kTarget,
                                .flags = flags});
  EXPECT_EQ(frame, packet()
                       .ethernet({.source = mac, .destination = kMacA})
                       .ipv6({.source = kTarget,
                              .destination = IpAddress::from_numbers(0x20010db800000000, 1),
                              .hop_limit = 255})
                       .icmpv6({.type = icmpv6_type::kNeighborAdvertisement, .word = flags})
                       .payload(kTarget.bytes())
                       .payload(Bytes{2, 1, 2, 0, 0, 0, 0, 9})
                       .build());
}

TEST(LinkLocal, MacAndAddressBelongTogether) {
  const auto mac = MacAddress::from_number(0x021122334455);
  const auto address = link_local_address(mac);
  EXPECT_EQ(address, *IpAddress::parse("fe80::11:22ff:fe33:4455"));
  EXPECT_EQ(mac_of_link_local(address), mac);
  EXPECT_FALSE(mac_of_link_local(*IpAddress::parse("fe80::11:22ff:ff33:4455")));
  EXPECT_FALSE(mac_of_link_local(*IpAddress::parse("fe80::1:11:22ff:fe33:4455:1")));
  EXPECT_FALSE(mac_of_link_local(*IpAddress::parse("2001:db8::11:22ff:fe33:4455")));
  // Of a group MAC.
  EXPECT_FALSE(mac_of_link_local(*IpAddress::parse("fe80::111:22ff:fe33:4455")));
}

}  // namespace
}  // namespace alkaid::test
