#include "dataplane/conntrack/embedded_tuple.hpp"

#include <gtest/gtest.h>

#include "tests/support/exact_copy.hpp"
#include "tests/support/packet_builder.hpp"

namespace alkaid::test {
namespace {

// What a router quotes: the packet without its Ethernet header.
Bytes quoted(const Bytes& frame, std::size_t most = SIZE_MAX) {
  const auto begin = frame.begin() + sizeof(EthernetHeader);
  return {begin, begin + static_cast<std::ptrdiff_t>(
                             std::min(most, frame.size() - sizeof(EthernetHeader)))};
}

Bytes error_v4(const Bytes& payload, std::uint8_t type = 3) {
  return packet().ethernet().ipv4().icmp({.type = type, .code = 1}).payload(payload).build();
}

Bytes error_v6(const Bytes& payload, std::uint8_t type = 1) {
  return packet().ethernet().ipv6().icmpv6({.type = type}).payload(payload).build();
}

std::optional<EmbeddedTuple> tuple_of(const Bytes& frame) {
  ExactCopy copy{frame};
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(copy.bytes(), copy.size(), headers), DropReason::kNone);
  return embedded_tuple(copy.bytes(), headers);
}

bool is_error(const Bytes& frame) {
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  return is_icmp_error(frame, headers);
}

EmbeddedTuple v4(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  return {.source = kIpA,
          .destination = kIpB,
          .protocol = protocol,
          .source_port = BigEndian16{source},
          .destination_port = BigEndian16{destination}};
}

EmbeddedTuple v6(std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
  return {.source = Ipv6Fields{}.source,
          .destination = Ipv6Fields{}.destination,
          .is_v6 = true,
          .protocol = protocol,
          .source_port = BigEndian16{source},
          .destination_port = BigEndian16{destination}};
}

Bytes udp_v4() {
  return quoted(packet().ethernet().ipv4().udp().payload_of_size(40).build());
}

TEST(IcmpError, Types) {
  int errors = 0;
  for (unsigned type = 0; type < 256; ++type) {
    errors += is_error(error_v4({}, static_cast<std::uint8_t>(type))) ? 1 : 0;
  }
  EXPECT_EQ(errors, 4);
  for (const std::uint8_t type : {3, 4, 11, 12}) {
    EXPECT_TRUE(is_error(error_v4({}, type)));
    EXPECT_EQ(tuple_of(error_v4(udp_v4(), type)), v4(17, 1000, 2000));
  }
  for (const std::uint8_t type : {1, 2, 3, 4}) {
    EXPECT_TRUE(is_error(error_v6({}, type)));
  }
  EXPECT_FALSE(is_error(error_v6({}, 5)));
  EXPECT_FALSE(is_error(error_v6({}, 128)));
  EXPECT_FALSE(tuple_of(error_v4(udp_v4(), 5))) << "redirect";
  EXPECT_FALSE(tuple_of(error_v4(udp_v4(), 8)));
  EXPECT_FALSE(is_error(packet().ethernet().ipv4().udp({.source_port = 0x0300}).build()));
}

TEST(EmbeddedTuple, OfEveryProtocolInIpv4) {
  EXPECT_EQ(tuple_of(error_v4(udp_v4())), v4(17, 1000, 2000));
  EXPECT_EQ(tuple_of(error_v4(quoted(packet().ethernet().ipv4().tcp().build(), 28))),
            v4(6, 1000, 2000))
      << "20 + 8 bytes are all that old routers quote";
  EXPECT_EQ(tuple_of(error_v4(quoted(packet()
                                         .ethernet()
                                         .ipv4({.protocol = 132})
                                         .payload(Bytes{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0})
                                         .build()))),
            v4(132, 1, 2));
  EXPECT_EQ(
      tuple_of(error_v4(quoted(packet().ethernet().ipv4().icmp({.identifier = 0x77}).build()))),
      v4(1, 0x77, 0x0800));
  EXPECT_EQ(tuple_of(error_v4(
                quoted(packet().ethernet().ipv4().icmp({.type = 0, .identifier = 0x77}).build()))),
            v4(1, 0x0800, 0x77));
  EXPECT_EQ(tuple_of(error_v4(
                quoted(packet().ethernet().ipv4({.protocol = 47}).payload_of_size(4).build()))),
            v4(47, 0, 0));
  EXPECT_EQ(
      tuple_of(error_v4(quoted(packet().ethernet().ipv4({.options = Bytes(40, 1)}).udp().build()))),
      v4(17, 1000, 2000));
  EXPECT_EQ(
      tuple_of(error_v4(quoted(packet().ethernet().ipv4({.more_fragments = true}).udp().build()))),
      v4(17, 1000, 2000))
      << "first fragment";
}

TEST(EmbeddedTuple, OfIpv6BehindExtensionHeaders) {
  EXPECT_EQ(tuple_of(error_v6(quoted(packet().ethernet().ipv6().udp().build()))),
            v6(17, 1000, 2000));
  EXPECT_EQ(tuple_of(error_v6(quoted(packet().ethernet().ipv6().icmpv6().build()))),
            v6(58, 1, 0x8000));
  EXPECT_EQ(tuple_of(error_v6(quoted(packet()
                                         .ethernet()
                                         .ipv6()
                                         .ipv6_extension({.number = ip_protocol::kHopByHop})
                                         .ipv6_extension({.number = ip_protocol::kIpv6Routing})
                                         .ipv6_extension({.number = ip_protocol::kAuthentication})
                                         .ipv6_extension({.more_words = 3})
                                         .ipv6_fragment({.more_fragments = true})
                                         .tcp()
                                         .build()))),
            v6(6, 1000, 2000));
}

TEST(EmbeddedTuple, NoneWhereNothingCanBeSaid) {
  EXPECT_FALSE(tuple_of(error_v4({}))) << "quotes nothing";
  EXPECT_FALSE(tuple_of(error_v4(
      quoted(packet().ethernet().ipv4({.fragment_offset = 5}).payload_of_size(64).build()))));
  EXPECT_FALSE(tuple_of(error_v4(quoted(error_v4(udp_v4()))))) << "error about an error";
  EXPECT_FALSE(tuple_of(error_v4(quoted(packet().ethernet().ipv4({.version = 6}).udp().build()))));
  EXPECT_FALSE(tuple_of(error_v4(quoted(packet().ethernet().ipv4({.ihl = 4}).udp().build()))));
  EXPECT_FALSE(tuple_of(error_v4(quoted(packet().ethernet().ipv4({.ihl = 15}).udp().build()))));
  EXPECT_FALSE(tuple_of(error_v4(quoted(packet().ethernet().ipv6().udp().build()))));
  EXPECT_FALSE(tuple_of(error_v6(udp_v4())));
  EXPECT_FALSE(tuple_of(error_v6(quoted(
      packet().ethernet().ipv6().ipv6_fragment({.offset = 7}).payload_of_size(64).build()))));
  EXPECT_FALSE(tuple_of(error_v6(quoted(packet().ethernet().ipv6().icmpv6({.type = 135}).build()))))
      << "neighbor discovery";
}

TEST(EmbeddedTuple, WalksABoundedNumberOfExtensionHeaders) {
  const auto with = [](int headers) {
    Bytes bytes = quoted(packet().ethernet().ipv6({.next_header = 60}).payload(Bytes{}).build());
    for (int i = 0; i < headers; ++i) {
      const Bytes options{
          static_cast<std::uint8_t>(i + 1 < headers ? 60 : 17), 0, 1, 4, 0, 0, 0, 0};
      bytes.insert(bytes.end(), options.begin(), options.end());
    }
    const Bytes udp{0, 1, 0, 2, 0, 8, 0, 0};
    bytes.insert(bytes.end(), udp.begin(), udp.end());
    return error_v6(bytes);
  };
  EXPECT_EQ(tuple_of(with(8)), v6(17, 1, 2));
  EXPECT_FALSE(tuple_of(with(9)));
}

TEST(EmbeddedTuple, CutAtEveryLength) {
  const Bytes whole[] = {
      quoted(packet().ethernet().ipv4({.options = Bytes(8, 1)}).tcp().build(), 36),
      quoted(packet().ethernet().ipv4().icmp().build(), 28)};
  for (const Bytes& quote : whole) {
    for (std::size_t size = 0; size < quote.size(); ++size) {
      EXPECT_FALSE(tuple_of(error_v4({quote.begin(), quote.begin() + std::ptrdiff_t(size)})))
          << size;
    }
    EXPECT_TRUE(tuple_of(error_v4(quote)));
  }
  const Bytes quote = quoted(packet()
                                 .ethernet()
                                 .ipv6()
                                 .ipv6_extension({.number = ip_protocol::kHopByHop})
                                 .ipv6_fragment({.more_fragments = true})
                                 .udp()
                                 .build());
  for (std::size_t size = 0; size < quote.size(); ++size) {
    EXPECT_FALSE(tuple_of(error_v6({quote.begin(), quote.begin() + std::ptrdiff_t(size)}))) << size;
  }
  EXPECT_TRUE(tuple_of(error_v6(quote)));
}

TEST(EmbeddedTuple, PaddingIsNotQuoted) {
  const Bytes cut = error_v4(quoted(packet().ethernet().ipv4().udp().build(), 27));
  Bytes padded = cut;
  padded.resize(padded.size() + 16, 0xff);
  EXPECT_FALSE(tuple_of(padded));
}

}  // namespace
}  // namespace alkaid::test
