// What guests are told about packets that could not be forwarded.
#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

struct Told {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t mtu = 0;
  Ipv4Address from;
  Bytes quoted;
};

// Checks everything of an ICMP error to green-1 but what it says.
Told read_error(const Bytes& frame) {
  FrameHeaders headers;
  EXPECT_EQ(parse_frame(frame, frame.size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.protocol, ip_protocol::kIcmp);
  EXPECT_EQ(headers.l3_end, frame.size());
  EXPECT_EQ(naive_checksum(std::span{frame}.subspan(headers.l4_offset)), 0);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(frame.data());
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame.data() + headers.l3_offset);
  EXPECT_EQ(ethernet.destination, kGreen1.mac);
  EXPECT_EQ(ethernet.source, kGreenGatewayMac);
  EXPECT_EQ(ip.destination, kGreen1.ip);
  const std::uint8_t* icmp = frame.data() + headers.l4_offset;
  return {icmp[0], icmp[1], static_cast<std::uint16_t>(icmp[6] << 8 | icmp[7]), ip.source,
          Bytes(icmp + 8, frame.data() + frame.size())};
}

Bytes big_frame(const Station& to, const MacAddress& destination_mac, bool dont_fragment) {
  return packet()
      .ethernet({.source = kGreen1.mac, .destination = destination_mac})
      .ipv4({.source = kGreen1.ip, .destination = to.ip, .dont_fragment = dont_fragment})
      .udp()
      .payload(Bytes(1460))
      .build();
}

TEST(IcmpError, TracerouteSeesTheGateway) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip, 1);
  lab.send("green-1", {frame});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  const Told told = read_error(out[0]);
  EXPECT_EQ(told.type, 11);
  EXPECT_EQ(told.code, 0);
  EXPECT_EQ(told.from, kGreenGateway);
  EXPECT_EQ(told.quoted, Bytes(frame.begin() + 14, frame.end()));
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 1U) << "it was dropped all the same";
}

TEST(IcmpError, UnreachableNetworksAndHosts) {
  PipelineLab lab;
  lab.send("green-1", {udp_frame(kGreen1, kGreenGatewayMac, Ipv4Address{0xc0000201}),
                       udp_frame(kGreen1, kGreenGatewayMac, Ipv4Address{0x0a0200fe})});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(read_error(out[0]).type, 3);
  EXPECT_EQ(read_error(out[0]).code, 0);
  EXPECT_EQ(read_error(out[1]).type, 3);
  EXPECT_EQ(read_error(out[1]).code, 1);
  EXPECT_EQ(lab.drops("green-1", DropReason::route_missing), 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::neighbor_unknown), 1U);
}

// The last hop of a traceroute to the gateway.
TEST(IcmpError, PortsOfTheGateway) {
  PipelineLab lab;
  const auto frame = udp_frame(kGreen1, kGreenGatewayMac, kRedGateway);
  lab.send("green-1", {frame});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  const Told told = read_error(out[0]);
  EXPECT_EQ(told.type, 3);
  EXPECT_EQ(told.code, 3);
  EXPECT_EQ(told.quoted, Bytes(frame.begin() + 14, frame.end()));
  EXPECT_EQ(lab.drops("green-1", DropReason::gateway_unsupported), 1U);
}

TEST(IcmpError, PathMtuBridgedAndRouted) {
  PipelineLab lab;
  lab.send("green-1",
           {big_frame(kGreen2, kGreen2.mac, true), big_frame(kRed2, kGreenGatewayMac, true),
            big_frame(kGreen3, kGreen3.mac, true)});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 3U);
  for (const Bytes& frame : out) {
    const Told told = read_error(frame);
    EXPECT_EQ(told.type, 3);
    EXPECT_EQ(told.code, 4);
    EXPECT_EQ(told.mtu, 1450);
    EXPECT_EQ(frame.size(), 576U + 14U) << "no more than 576 bytes";
  }
  EXPECT_EQ(lab.drops("green-1", DropReason::underlay_too_big), 2U);
  EXPECT_EQ(lab.drops("green-1", DropReason::egress_too_big), 1U);
}

// RFC 1812, 4.3.2.7.
TEST(IcmpError, IsNeverSentForTheWrongPackets) {
  PipelineLab lab;
  ASSERT_FALSE(
      lab.programmer().set(unguarded(PipelineLab::port_config("green-1", kGreen, kGreen1))));
  const auto with_ttl_one = [](const Ipv4Fields& more) {
    Ipv4Fields fields = more;
    fields.destination = kRed2.ip;
    fields.ttl = 1;
    return packet().ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac}).ipv4(fields);
  };
  const Bytes error_about_error =
      with_ttl_one({.source = kGreen1.ip}).icmp({.type = 11}).payload(Bytes(28)).build();
  const Bytes first_fragment =
      packet()
          .ethernet({.source = kGreen1.mac, .destination = kGreenGatewayMac})
          .ipv4({.source = kGreen1.ip, .destination = kRed2.ip, .more_fragments = true})
          .payload(Bytes(64))
          .build();
  const Bytes later_fragment =
      with_ttl_one({.source = kGreen1.ip, .fragment_offset = 8}).payload(Bytes(32)).build();
  const Bytes no_source = with_ttl_one({.source = Ipv4Address{0}}).udp().build();
  lab.send("green-1", {error_about_error, first_fragment, later_fragment, no_source,
                       big_frame(kGreen2, kGreen2.mac, false)});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 3U);
  EXPECT_EQ(lab.drops("green-1", DropReason::underlay_too_big), 1U);
}

TEST(IcmpError, IsRateLimited) {
  PipelineLab lab;
  lab.send("green-1", Frames(500, udp_frame(kGreen1, kGreenGatewayMac, kRed2.ip, 1)));
  EXPECT_EQ(lab.take("green-1").size(), 100U);
  EXPECT_EQ(lab.drops("green-1", DropReason::ttl_exceeded), 500U);
}

}  // namespace
}  // namespace alkaid::test
