// ARP, DHCP and ICMP answered on the host, and what guests send that is malformed.
#include <gtest/gtest.h>

#include "dataplane/packet/parse.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

using Outputs = std::map<std::string, std::vector<Bytes>>;

Case guest_case(const char* name, Bytes in, Outputs out,
                std::map<std::string, std::uint64_t> drops = {}) {
  return {.name = name,
          .port = "green-1",
          .in = [in](auto&) { return Frames{in}; },
          .out = [out](auto&) { return out; },
          .drops = std::move(drops)};
}

class Services : public ::testing::TestWithParam<Case> {};

TEST_P(Services, Case) {
  run_case(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Arp, Services,
    ::testing::Values(
        guest_case("gateway", arp_request(kGreen1, kGreenGateway),
                   {{"green-1", {arp_reply(kGreenGatewayMac, kGreenGateway, kGreen1)}}}),
        guest_case("local_neighbor", arp_request(kGreen1, kGreen3.ip),
                   {{"green-1", {arp_reply(kGreen3.mac, kGreen3.ip, kGreen1)}}}),
        guest_case("remote_neighbor", arp_request(kGreen1, kGreen2.ip),
                   {{"green-1", {arp_reply(kGreen2.mac, kGreen2.ip, kGreen1)}}}),
        guest_case("probe_of_own_address", arp_request(kGreen1, kGreen1.ip), {}),
        guest_case("unknown", arp_request(kGreen1, Ipv4Address{0x0a0100fe}), {},
                   {{"green-1 arp_target_unknown", 1}}),
        guest_case("other_subnet", arp_request(kGreen1, kRed1.ip), {},
                   {{"green-1 arp_target_unknown", 1}}),
        guest_case("not_ethernet",
                   packet()
                       .ethernet({.source = kGreen1.mac, .destination = kBroadcastMac})
                       .arp({.hardware_type = 6})
                       .build(),
                   {}, {{"green-1 arp_malformed", 1}}),
        guest_case("gratuitous_reply",
                   packet()
                       .ethernet({.source = kGreen1.mac, .destination = kBroadcastMac})
                       .arp({.operation = ArpHeader::kReply})
                       .build(),
                   {}, {{"green-1 arp_unexpected", 1}})),
    name_of_case);

Bytes echo_reply(const Station& to, const MacAddress& gateway_mac, Ipv4Address gateway) {
  return packet()
      .ethernet({.source = gateway_mac, .destination = to.mac})
      .ipv4({.source = gateway, .destination = to.ip, .ttl = 64})
      .icmp({.type = IcmpEchoHeader::kEchoReply})
      .payload(Bytes(56, 0x11))
      .build();
}

INSTANTIATE_TEST_SUITE_P(
    Gateway, Services,
    ::testing::Values(
        guest_case("echo", echo_frame(kGreen1, kGreenGatewayMac, kGreenGateway),
                   {{"green-1", {echo_reply(kGreen1, kGreenGatewayMac, kGreenGateway)}}}),
        guest_case("echo_of_the_other_gateway", echo_frame(kGreen1, kGreenGatewayMac, kRedGateway),
                   {{"green-1", {echo_reply(kGreen1, kGreenGatewayMac, kRedGateway)}}}),
        guest_case("wrong_checksum",
                   echo_frame(kGreen1, kGreenGatewayMac, kGreenGateway, {.checksum = 0x0102}), {},
                   {{"green-1 icmp_malformed", 1}}),
        guest_case("not_an_echo", udp_frame(kGreen1, kGreenGatewayMac, kGreenGateway), {},
                   {{"green-1 gateway_unsupported", 1}})),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Malformed, Services,
    ::testing::Values(guest_case("ihl_below_five",
                                 packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .ipv4({.ihl = 4})
                                     .udp()
                                     .build(),
                                 {}, {{"green-1 ipv4_header_length", 1}}),
                      guest_case("total_length",
                                 packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .ipv4({.total_length = 1000})
                                     .udp()
                                     .build(),
                                 {}, {{"green-1 ipv4_total_length", 1}}),
                      guest_case("header_checksum",
                                 packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .ipv4({.checksum = 0x0bad})
                                     .udp()
                                     .build(),
                                 {}, {{"green-1 ipv4_checksum", 1}}),
                      guest_case("group_source_mac",
                                 packet()
                                     .ethernet({.source = kBroadcastMac,
                                                .destination = kGreen3.mac})
                                     .ipv4()
                                     .udp()
                                     .build(),
                                 {}, {{"green-1 source_mac_invalid", 1}}),
                      guest_case("vlan",
                                 packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .vlan()
                                     .ipv4()
                                     .udp()
                                     .build(),
                                 {}, {{"green-1 vlan_unsupported", 1}}),
                      guest_case("ethertype",
                                 packet()
                                     .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                                     .payload(Bytes(50))
                                     .build(),
                                 {}, {{"green-1 ethertype_unsupported", 1}})),
    name_of_case);

TEST(Malformed, EveryTruncationIsACountedDropOrForwardedWhole) {
  PipelineLab lab;
  lab.walk();
  const auto whole = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    lab.send("green-1",
             {Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))});
  }
  EXPECT_TRUE(lab.take("green-3").empty());
  std::uint64_t dropped = 0;
  for (const auto& [what, count] : lab.all_drops()) {
    dropped += count;
  }
  EXPECT_EQ(dropped, whole.size());
  EXPECT_EQ(lab.buffers_in_use(), 0U);
}

Bytes dhcp_message(std::uint8_t type, const MacAddress& client, const Bytes& more_options = {}) {
  Bytes message(240);
  message[0] = 1;  // BOOTREQUEST
  message[1] = 1;
  message[2] = 6;
  message[4] = 0x12;
  message[5] = 0x34;
  message[10] = 0x80;  // broadcast
  std::copy(client.bytes().begin(), client.bytes().end(), message.begin() + 28);
  const std::array<std::uint8_t, 4> cookie{0x63, 0x82, 0x53, 0x63};
  std::copy(cookie.begin(), cookie.end(), message.begin() + 236);
  message.insert(message.end(), {53, 1, type});
  message.insert(message.end(), more_options.begin(), more_options.end());
  message.push_back(255);
  return message;
}

Bytes dhcp_frame(const Bytes& message, const MacAddress& source = kGreen1.mac) {
  return packet()
      .ethernet({.source = source, .destination = kBroadcastMac})
      .ipv4({.source = Ipv4Address{0}, .destination = Ipv4Address{0xffffffff}})
      .udp({.source_port = 68, .destination_port = 67})
      .payload(message)
      .build();
}

TEST(Dhcp, DiscoverIsOfferedTheBinding) {
  PipelineLab lab;
  lab.send("green-1", {dhcp_frame(dhcp_message(1, kGreen1.mac))});
  const auto out = lab.take("green-1");
  ASSERT_EQ(out.size(), 1U);
  FrameHeaders headers;
  ASSERT_EQ(parse_frame(out[0], out[0].size(), headers), DropReason::kNone);
  EXPECT_EQ(headers.source_port.host(), 67);
  EXPECT_EQ(headers.destination_port.host(), 68);
  const auto* message = out[0].data() + 42;
  EXPECT_EQ(Ipv4Address(static_cast<std::uint32_t>(message[16]) << 24 | message[17] << 16 |
                        message[18] << 8 | message[19]),
            kGreen1.ip)
      << "yiaddr";
  // Options in order of the message; the MTU is the underlay's 1,500 less the encapsulation's 50.
  std::map<int, Bytes> options;
  for (std::size_t i = 42 + 240; i + 1 < out[0].size() && out[0][i] != 255;) {
    if (out[0][i] == 0) {
      ++i;
      continue;
    }
    const std::size_t length = out[0][i + 1];
    options[out[0][i]] = Bytes(out[0].begin() + static_cast<std::ptrdiff_t>(i + 2),
                               out[0].begin() + static_cast<std::ptrdiff_t>(i + 2 + length));
    i += 2 + length;
  }
  EXPECT_EQ(options[53], (Bytes{2}));
  EXPECT_EQ(options[54], (Bytes{10, 1, 0, 1}));
  EXPECT_EQ(options[1], (Bytes{255, 255, 255, 0}));
  EXPECT_EQ(options[3], (Bytes{10, 1, 0, 1}));
  EXPECT_EQ(options[6], (Bytes{8, 8, 8, 8}));
  EXPECT_EQ(options[26], (Bytes{1450 >> 8, 1450 & 0xff}));
  EXPECT_EQ(options[51], (Bytes{0, 1, 0x51, 0x80}));
  EXPECT_EQ(lab.dataplane().workers().front()->dhcp_counters().sent[2].read(), 1U);
}

TEST(Dhcp, RefusalsNameTheirReason) {
  PipelineLab lab;
  lab.send("green-1", {dhcp_frame(dhcp_message(255, kGreen1.mac)),
                       dhcp_frame(dhcp_message(1, kGreen1.mac, {12, 200})),
                       dhcp_frame(dhcp_message(1, kGreen3.mac)), dhcp_frame(Bytes(17))});
  EXPECT_TRUE(lab.take("green-1").empty());
  const std::map<std::string, std::uint64_t> expected{{"green-1 dhcp_message_type", 1},
                                                      {"green-1 dhcp_malformed", 2},
                                                      {"green-1 dhcp_no_binding", 1}};
  EXPECT_EQ(lab.all_drops(), expected);
}

TEST(Dhcp, ReleaseIsNoDrop) {
  PipelineLab lab;
  lab.send("green-1", {dhcp_frame(dhcp_message(7, kGreen1.mac, {54, 4, 10, 1, 0, 1}))});
  EXPECT_TRUE(lab.take("green-1").empty());
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST(Dhcp, AnotherServerIsReachedLikeAnyStation) {
  PipelineLab lab;
  const auto frame = packet()
                         .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                         .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                         .udp({.source_port = 68, .destination_port = 67})
                         .payload(dhcp_message(3, kGreen1.mac))
                         .build();
  lab.send("green-1", {frame});
  EXPECT_EQ(lab.take("green-3"), Frames{frame});
}

TEST(Dhcp, SwitchedOff) {
  PipelineLab lab;
  auto segment = PipelineLab::segment_config(kGreen);
  segment.dhcp_enabled = false;
  ASSERT_FALSE(lab.programmer().set(segment));
  lab.send("green-1", {dhcp_frame(dhcp_message(1, kGreen1.mac))});
  EXPECT_EQ(lab.drops("green-1", DropReason::dhcp_disabled), 1U);
}

}  // namespace
}  // namespace alkaid::test
