// ARP and ICMP answered on the host, and what guests send that is malformed.
#include <gtest/gtest.h>

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
                       .arp({.operation = ArpHeader::kReply,
                             .sender_mac = kGreen1.mac,
                             .sender_ip = kGreen1.ip})
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
        guest_case("not_an_echo",
                   echo_frame(kGreen1, kGreenGatewayMac, kGreenGateway, {.type = 13}), {},
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

}  // namespace
}  // namespace alkaid::test
