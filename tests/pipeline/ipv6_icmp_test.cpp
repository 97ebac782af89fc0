// Pings of IPv6 gateways, and what guests are told about IPv6 packets that were not forwarded.
#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/ipv6_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Icmpv6Fields kReply{.type = icmpv6_type::kEchoReply};
constexpr IpAddress kGreen1LinkLocal = IpAddress::from_numbers(0xfe80000000000000, 0x0b);

Bytes echo(const IpAddress& to, const Icmpv6Fields& icmp = {}) {
  return echo6_frame(kGreen1.mac, kGreen1v6.ip, kGreenGatewayMac, to, icmp);
}

Bytes reply(const IpAddress& from) {
  return echo6_frame(kGreenGatewayMac, from, kGreen1.mac, kGreen1v6.ip, kReply);
}

class Ipv6Gateway : public ::testing::TestWithParam<Case> {};

TEST_P(Ipv6Gateway, Case) {
  run_case(GetParam());
}

Case unsupported(const char* name, const Bytes& frame) {
  return ipv6_case(name, "green-1", frame, {}, {{"green-1 gateway_unsupported", 1}});
}

INSTANTIATE_TEST_SUITE_P(
    Echo, Ipv6Gateway,
    ::testing::Values(
        ipv6_case("own", "green-1", echo(kGreenGateway6), {{"green-1", {reply(kGreenGateway6)}}}),
        ipv6_case("other_subnets", "green-1", echo(kRedGateway6),
                  {{"green-1", {reply(kRedGateway6)}}}),
        ipv6_case("link_local", "green-1",
                  echo6_frame(kGreen1.mac, kGreen1LinkLocal, kGreenGatewayMac,
                              kGreenGatewayLinkLocal),
                  {{"green-1",
                    {echo6_frame(kGreenGatewayMac, kGreenGatewayLinkLocal, kGreen1.mac,
                                 kGreen1LinkLocal, kReply)}}}),
        ipv6_wire_case("from_the_wire",
                       echo6_frame(kGreen2.mac, kGreen2v6.ip, kGreenGatewayMac, kGreenGateway6),
                       {{"up",
                         {echo6_frame(kGreenGatewayMac, kGreenGateway6, kGreen2.mac, kGreen2v6.ip,
                                      kReply)}}}),
        ipv6_wire_case("from_a_stranger_on_the_wire",
                       echo6_frame(MacAddress::from_number(0x020000012345), kGreen2v6.ip,
                                   kGreenGatewayMac, kGreenGateway6),
                       {}, {{"up asker_unknown", 1}}),
        ipv6_case("wrong_checksum", "green-1", echo(kGreenGateway6, {.checksum = 0x0102}), {},
                  {{"green-1 icmp_malformed", 1}}),
        unsupported("reply", echo(kGreenGateway6, kReply)),
        unsupported("code", echo(kGreenGateway6, {.code = 1})),
        unsupported("tcp", packet()
                               .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
                               .ipv6({.source = kGreen1v6.ip, .destination = kGreenGateway6})
                               .tcp()
                               .build()),
        unsupported("with_options",
                    packet()
                        .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
                        .ipv6({.source = kGreen1v6.ip, .destination = kGreenGateway6})
                        .ipv6_extension({})
                        .icmpv6()
                        .build())),
    name_of_case);

// A ping bigger than the MTU: the reply comes in the request's fragments.
TEST(Ipv6Gateway, FragmentsAreReflected) {
  Ipv6Lab lab;
  const auto ip = packet()
                      .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
                      .ipv6({.source = kGreen1v6.ip, .destination = kGreenGateway6});
  const auto back = packet()
                        .ethernet({.source = kGreenGatewayMac, .destination = kGreen1.mac})
                        .ipv6({.source = kGreenGateway6, .destination = kGreen1v6.ip});
  // One checksum for the whole; what it is doesn't matter, the difference of the type does.
  const auto first = [](const auto& layers, std::uint8_t type, std::uint16_t checksum) {
    return layers.ipv6_fragment({.more_fragments = true, .identification = 77})
        .icmpv6({.type = type, .checksum = checksum})
        .payload(Bytes(1000, 0x33))
        .build();
  };
  const auto later = [](const auto& layers) {
    return layers
        .ipv6_fragment({.offset = 126, .identification = 77, .next_header = ip_protocol::kIcmpv6})
        .payload(Bytes(500, 0x44))
        .build();
  };
  lab.send("green-1", {first(ip, icmpv6_type::kEchoRequest, 0x5000), later(ip)});
  EXPECT_EQ(lab.take("green-1"),
            (Frames{first(back, icmpv6_type::kEchoReply, 0x4f00), later(back)}));
}

TEST(Ipv4Gateway, FragmentsAreReflected) {
  PipelineLab lab;
  const auto first = [](const Station& from, const Station& to, std::uint8_t type,
                        std::uint16_t checksum) {
    return packet()
        .ethernet({.source = from.mac, .destination = to.mac})
        .ipv4(
            {.source = from.ip, .destination = to.ip, .identification = 9, .more_fragments = true})
        .icmp({.type = type, .checksum = checksum})
        .payload(Bytes(1000, 0x33))
        .build();
  };
  const auto later = [](const Station& from, const Station& to) {
    return packet()
        .ethernet({.source = from.mac, .destination = to.mac})
        .ipv4({.source = from.ip,
               .destination = to.ip,
               .identification = 9,
               .fragment_offset = 126,
               .protocol = ip_protocol::kIcmp})
        .payload(Bytes(500, 0x44))
        .build();
  };
  constexpr Station kGateway{kGreenGateway, kGreenGatewayMac};
  lab.send("green-1", {first(kGreen1, kGateway, 8, 0x5000), later(kGreen1, kGateway)});
  EXPECT_EQ(lab.take("green-1"),
            (Frames{first(kGateway, kGreen1, 0, 0x5800), later(kGateway, kGreen1)}));
}

struct Told {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t parameter = 0;
  Bytes quoted;
};

// Checks everything of an ICMPv6 error to green-1 but what it says.
Told read_error(const Bytes& frame, const Station6& from = {kGreenGateway6, kGreenGatewayMac},
                const IpAddress& to = kGreen1v6.ip) {
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.protocol, ip_protocol::kIcmpv6);
  EXPECT_EQ(headers.l3_end, frame.size());
  EXPECT_LE(frame.size(), 1280U + 14U);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
  const auto& ip = *reinterpret_cast<const Ipv6Header*>(frame.data() + headers.l3_offset);
  EXPECT_EQ(ethernet.destination, kGreen1.mac);
  EXPECT_EQ(ethernet.source, from.mac);
  EXPECT_EQ(IpAddress{ip.source}, from.ip);
  EXPECT_EQ(IpAddress{ip.destination}, to);
  const std::size_t length = frame.size() - headers.l4_offset;
  Bytes summed{
      0, 0, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), 0, 0, 0, 58};
  summed.insert(summed.end(), frame.begin() + 22, frame.end());
  EXPECT_EQ(naive_checksum(summed), 0);
  const std::uint8_t* icmp = frame.data() + headers.l4_offset;
  const auto parameter =
      static_cast<std::uint32_t>(icmp[4] << 24 | icmp[5] << 16 | icmp[6] << 8 | icmp[7]);
  return {icmp[0], icmp[1], parameter, Bytes(icmp + 8, frame.data() + frame.size())};
}

Bytes big_frame(const Station6& to, const MacAddress& destination_mac) {
  return packet()
      .ethernet({.source = kGreen1.mac, .destination = destination_mac})
      .ipv6({.source = kGreen1v6.ip, .destination = to.ip})
      .udp()
      .payload(Bytes(1440))
      .build();
}

TEST(Icmpv6Error, TracerouteSeesTheGateway) {
  Ipv6Lab lab;
  const auto frame = udp6_frame(kGreen1v6, kGreenGatewayMac, kRed2v6.ip, 1);
  lab.send("green-1", {frame});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  const Told told = read_error(out[0]);
  EXPECT_EQ(told.type, 3);
  EXPECT_EQ(told.code, 0);
  EXPECT_EQ(told.parameter, 0U);
  EXPECT_EQ(told.quoted, Bytes(frame.begin() + 14, frame.end()));
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 1U) << "it was dropped all the same";
}

TEST(Icmpv6Error, UnreachableNetworksHostsAndScopes) {
  Ipv6Lab lab;
  lab.send("green-1", {udp6_frame(kGreen1v6, kGreenGatewayMac, *IpAddress::parse("2001:db9::1")),
                       udp6_frame(kGreen1v6, kGreenGatewayMac, red_v6(0xfe)),
                       udp6_frame({kGreen1LinkLocal, kGreen1.mac}, kGreenGatewayMac, kRed1v6.ip)});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(read_error(out[0]).type, 1);
  EXPECT_EQ(read_error(out[0]).code, 0);
  EXPECT_EQ(read_error(out[1]).type, 1);
  EXPECT_EQ(read_error(out[1]).code, 3);
  const Told scope = read_error(out[2], {kGreenGateway6, kGreenGatewayMac}, kGreen1LinkLocal);
  EXPECT_EQ(scope.type, 1);
  EXPECT_EQ(scope.code, 2);
  EXPECT_EQ(lab.drops("green-1", DropReason::route_missing), 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::neighbor_unknown), 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::beyond_scope), 1U);
}

// The last hop of a traceroute to the gateway.
TEST(Icmpv6Error, PortsOfTheGateway) {
  Ipv6Lab lab;
  const auto frame = udp6_frame(kGreen1v6, kGreenGatewayMac, kGreenGateway6);
  lab.send("green-1", {frame});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  const Told told = read_error(out[0]);
  EXPECT_EQ(told.type, 1);
  EXPECT_EQ(told.code, 4);
  EXPECT_EQ(told.quoted, Bytes(frame.begin() + 14, frame.end()));
  EXPECT_EQ(lab.drops("green-1", DropReason::gateway_unsupported), 1U);
}

TEST(Icmpv6Error, PathMtuBridgedAndRouted) {
  Ipv6Lab lab;
  lab.send("green-1", {big_frame(kGreen2v6, kGreen2.mac), big_frame(kRed2v6, kGreenGatewayMac),
                       big_frame(kGreen3v6, kGreen3.mac)});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 3U);
  for (const Bytes& frame : out) {
    const Told told = read_error(frame);
    EXPECT_EQ(told.type, 2);
    EXPECT_EQ(told.code, 0);
    EXPECT_EQ(told.parameter, 1450U);
    EXPECT_EQ(frame.size(), 1280U + 14U) << "as much as fits the least MTU";
  }
}

// Without a gateway the error comes from the packet's own destination, in both families.
TEST(Icmpv6Error, PathMtuInAnIsolatedSubnet) {
  PipelineLab lab;
  program_ipv6_without_gateways(lab);
  const Bytes v4 =
      packet()
          .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
          .ipv4({.source = kGreen1.ip, .destination = kGreen2.ip, .dont_fragment = true})
          .udp()
          .payload(Bytes(1460))
          .build();
  lab.send("green-1", {big_frame(kGreen2v6, kGreen2.mac), v4});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 2U);
  const Told told = read_error(out[0], kGreen2v6);
  EXPECT_EQ(told.type, 2);
  EXPECT_EQ(told.parameter, 1450U);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(out[1].data());
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(out[1].data() + 14);
  EXPECT_EQ(ethernet.source, kGreen2.mac);
  EXPECT_EQ(ip.source, kGreen2.ip);
  EXPECT_EQ(out[1].at(34), 3);
  EXPECT_EQ(out[1].at(35), 4);
}

// RFC 4443, 2.4 (e).
TEST(Icmpv6Error, IsNeverSentForTheWrongPackets) {
  Ipv6Lab lab;
  const auto ip = [](const IpAddress& destination, std::uint8_t hop_limit) {
    return packet()
        .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
        .ipv6({.source = kGreen1v6.ip, .destination = destination, .hop_limit = hop_limit});
  };
  const Bytes about_error = ip(kRed2v6.ip, 1).icmpv6({.type = 1}).payload(Bytes(48)).build();
  const Bytes first_fragment = ip(kRed2v6.ip, 64)
                                   .ipv6_fragment({.more_fragments = true})
                                   .icmpv6()
                                   .payload(Bytes(64))
                                   .build();
  const Bytes later_fragment =
      ip(kRed2v6.ip, 1)
          .ipv6_fragment({.offset = 9, .next_header = ip_protocol::kIcmpv6})
          .payload(Bytes(48))
          .build();
  const Bytes to_a_group = ip(*IpAddress::parse("ff0e::1"), 1).udp().build();
  lab.send("green-1", {first_fragment});
  EXPECT_EQ(lab.take("up").size(), 1U);
  lab.send("green-1", {about_error, later_fragment, to_a_group});
  lab.send("up",
           {tunnelled(udp6_frame(kGreen2v6, kGreenGatewayMac, kRed1v6.ip, 1), uplink_mac(lab))});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_TRUE(lab.take("up").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 2U);
  EXPECT_EQ(lab.drops("green-1", DropReason::beyond_scope), 1U);
  EXPECT_EQ(lab.drops("up", DropReason::ttl_exceeded), 1U);
}

// But about the rest: encrypted packets, fragments of TCP, echo replies.
TEST(Icmpv6Error, IsSentForWhateverElseIsTooBig) {
  Ipv6Lab lab;
  const auto ip = packet()
                      .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                      .ipv6({.source = kGreen1v6.ip,
                             .destination = kGreen2v6.ip,
                             .next_header = ip_protocol::kEncryptedPayload});
  const auto plain = packet()
                         .ethernet({.source = kGreen1.mac, .destination = kGreen2.mac})
                         .ipv6({.source = kGreen1v6.ip, .destination = kGreen2v6.ip});
  lab.send("green-1",
           {ip.payload(Bytes(1440)).build(),
            plain.ipv6_fragment({.more_fragments = true}).tcp().payload(Bytes(52)).build(),
            plain.ipv6_fragment({.offset = 9, .next_header = ip_protocol::kTcp})
                .payload(Bytes(1440))
                .build(),
            plain.icmpv6({.type = icmpv6_type::kEchoReply}).payload(Bytes(1440)).build()});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 3U);
  for (const Bytes& frame : out) {
    EXPECT_EQ(read_error(frame).type, 2);
  }
}

TEST(Icmpv6Error, IsRateLimited) {
  Ipv6Lab lab;
  lab.send("green-1", Frames(500, udp6_frame(kGreen1v6, kGreenGatewayMac, kRed2v6.ip, 1)));
  EXPECT_EQ(lab.take("green-1").size(), 100U);
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 500U);
}

}  // namespace
}  // namespace alkaid::test
