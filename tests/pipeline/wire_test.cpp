// What stations behind another host's tunnel ask of us: ARP and pings of the gateway. A peer that
// keeps no static neighbors (a Linux VXLAN device) sends them.
#include <gtest/gtest.h>

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using Out = std::map<std::string, std::vector<Bytes>>;

constexpr Station kStranger{Ipv4Address{0x0a0100c8}, MacAddress::from_number(0x0200000100c8)};

Case wire_case(std::string name, const Bytes& inner,
               std::map<std::string, std::uint64_t> drops = {},
               std::function<Out(PipelineLab&)> out = {}) {
  return {.name = std::move(name),
          .port = "up",
          .in = [inner](PipelineLab& lab) { return Frames{tunnelled(inner, uplink_mac(lab))}; },
          .out = std::move(out),
          .drops = std::move(drops)};
}

std::function<Out(PipelineLab&)> into_the_tunnel(const Bytes& inner) {
  return [inner](PipelineLab& lab) {
    return Out{{"up", {encapsulated(uplink_mac(lab), inner, kGreen)}}};
  };
}

std::function<Out(PipelineLab&)> to_green_1(const Bytes& inner) {
  return [inner](PipelineLab&) { return Out{{"green-1", {inner}}}; };
}

Bytes announcement(std::uint16_t operation) {
  return packet()
      .ethernet({.source = kGreen2.mac, .destination = kBroadcastMac})
      .arp({.operation = operation,
            .sender_mac = kGreen2.mac,
            .sender_ip = kGreen2.ip,
            .target_ip = kGreen2.ip})
      .build();
}

// As Linux confirms a neighbor that it knows.
Bytes unicast_request(const MacAddress& mac, Ipv4Address target) {
  return packet()
      .ethernet({.source = kGreen2.mac, .destination = mac})
      .arp({.sender_mac = kGreen2.mac, .sender_ip = kGreen2.ip, .target_ip = target})
      .build();
}

Bytes echo_reply(const MacAddress& gateway_mac, Ipv4Address gateway) {
  return packet()
      .ethernet({.source = gateway_mac, .destination = kGreen2.mac})
      .ipv4({.source = gateway, .destination = kGreen2.ip, .ttl = 64})
      .icmp({.type = IcmpEchoHeader::kEchoReply})
      .payload(Bytes(56, 0x11))
      .build();
}

class Wire : public ::testing::TestWithParam<Case> {};

TEST_P(Wire, Case) {
  run_case(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Arp, Wire,
    ::testing::Values(
        wire_case("for_the_gateway", arp_request(kGreen2, kGreenGateway), {},
                  into_the_tunnel(arp_reply(kGreenGatewayMac, kGreenGateway, kGreen2))),
        wire_case("for_the_gateway_by_unicast", unicast_request(kGreenGatewayMac, kGreenGateway),
                  {}, into_the_tunnel(arp_reply(kGreenGatewayMac, kGreenGateway, kGreen2))),
        wire_case("for_a_local_port", arp_request(kGreen2, kGreen1.ip), {},
                  to_green_1(arp_request(kGreen2, kGreen1.ip))),
        wire_case("for_a_local_port_by_unicast", unicast_request(kGreen1.mac, kGreen1.ip), {},
                  to_green_1(unicast_request(kGreen1.mac, kGreen1.ip))),
        wire_case("reply", arp_reply(kGreen2.mac, kGreen2.ip, kGreen1), {},
                  to_green_1(arp_reply(kGreen2.mac, kGreen2.ip, kGreen1))),
        wire_case("for_a_station_of_another_host", arp_request(kStranger, kGreen2.ip),
                  {{"up arp_target_remote", 1}}),
        wire_case("for_nobody", arp_request(kGreen2, Ipv4Address{0x0a0100fe}),
                  {{"up arp_target_unknown", 1}}),
        wire_case("by_a_stranger_for_the_gateway", arp_request(kStranger, kGreenGateway),
                  {{"up asker_unknown", 1}}),
        // Its own port is no station behind a tunnel, whoever says so.
        wire_case("by_a_local_mac_for_the_gateway", arp_request(kGreen3, kGreenGateway),
                  {{"up asker_unknown", 1}}),
        wire_case("announcement", announcement(ArpHeader::kRequest)),
        wire_case("announcement_as_reply", announcement(ArpHeader::kReply)),
        wire_case("reply_to_all",
                  packet()
                      .ethernet({.source = kGreen2.mac, .destination = kBroadcastMac})
                      .arp({.operation = ArpHeader::kReply})
                      .build(),
                  {{"up arp_unexpected", 1}})),
    name_of_case);

INSTANTIATE_TEST_SUITE_P(
    Gateway, Wire,
    ::testing::Values(wire_case("ping", echo_frame(kGreen2, kGreenGatewayMac, kGreenGateway), {},
                                into_the_tunnel(echo_reply(kGreenGatewayMac, kGreenGateway))),
                      wire_case("ping_of_another_subnets_gateway",
                                echo_frame(kGreen2, kGreenGatewayMac, kRedGateway), {},
                                into_the_tunnel(echo_reply(kGreenGatewayMac, kRedGateway))),
                      wire_case("ping_by_a_stranger",
                                echo_frame(kStranger, kGreenGatewayMac, kGreenGateway),
                                {{"up asker_unknown", 1}}),
                      wire_case("other_than_ping",
                                udp_frame(kGreen2, kGreenGatewayMac, kGreenGateway),
                                {{"up gateway_unsupported", 1}})),
    name_of_case);

}  // namespace
}  // namespace alkaid::test
