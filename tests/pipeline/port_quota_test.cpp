// How many connections a port may have: of both families, opened from either side, seen by several
// workers, counted together.
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint32_t kQuota = 6;

// green-1 lets everything in and out; guests have one worker, the wire another one.
class PortQuota : public ::testing::Test {
 protected:
  PortQuota() : lab(settings()) {
    lab.program_network();
    program_ipv6(lab);
    enforce(lab, "green-1", {"all"});
    set_rules(lab, "all",
              {policy_rule("out4", false, false), policy_rule("out6", false, true),
               policy_rule("in4", true, false), policy_rule("in6", true, true)});
    lab.walk();
    EXPECT_EQ(lab.dataplane().ports().find("green-1")->device.worker, 0U);
    EXPECT_EQ(lab.dataplane().ports().views().front().port->device.worker, 1U) << "the uplink";
  }
  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.worker_lcores = {0, 1};
    settings.port_workers = {{"green-1", {0}}, {"green-3", {0}}, {"ring:up", {1}}};
    settings.flows.connections_per_port = kQuota;
    return settings;
  }

  static Bytes datagram(bool ipv6, std::uint16_t source_port, bool is_from_green1) {
    const auto& from = is_from_green1 ? kGreen1 : kGreen2;
    const auto& to = is_from_green1 ? kGreen2 : kGreen1;
    const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
    const UdpFields udp{.source_port = source_port, .destination_port = 80};
    return ipv6 ? ethernet
                      .ipv6({.source = (is_from_green1 ? kGreen1v6 : kGreen2v6).ip,
                             .destination = (is_from_green1 ? kGreen2v6 : kGreen1v6).ip})
                      .udp(udp)
                      .build()
                : ethernet.ipv4({.source = from.ip, .destination = to.ip}).udp(udp).build();
  }
  // True: it came through.
  bool out(bool ipv6, std::uint16_t source_port) {
    lab.send("green-1", {datagram(ipv6, source_port, true)});
    return lab.take("up").size() == 1;
  }
  bool in(bool ipv6, std::uint16_t source_port) {
    lab.send("up", {tunnelled(datagram(ipv6, source_port, false), uplink_mac(lab))});
    return lab.take("green-1").size() == 1;
  }
  std::uint32_t charged() {
    return lab.dataplane().flows().port_connections.of(
        lab.dataplane().ports().find("green-1")->index);
  }
  void fill() {
    EXPECT_TRUE(out(false, 1));
    EXPECT_TRUE(out(true, 1));
    EXPECT_TRUE(out(true, 2));
    EXPECT_TRUE(in(false, 3));
    EXPECT_TRUE(in(true, 3));
    EXPECT_TRUE(in(false, 4));
    EXPECT_EQ(charged(), kQuota);
  }

  PipelineLab lab;
};

TEST_F(PortQuota, CountsBothFamiliesBothSidesAndAllWorkers) {
  fill();
  for (const bool ipv6 : {false, true}) {
    EXPECT_FALSE(out(ipv6, 11));
    EXPECT_FALSE(in(ipv6, 12));
  }
  EXPECT_EQ(lab.drops("green-1", DropReason::connection_quota), 2U);
  EXPECT_EQ(lab.drops("up", DropReason::connection_quota), 2U);
  EXPECT_EQ(charged(), kQuota);
  EXPECT_TRUE(out(true, 1)) << "known ones go on";
  EXPECT_TRUE(in(false, 3));
}

// Who ends them is another thread than those that opened them.
TEST_F(PortQuota, WhatEndsMakesRoomForEitherSide) {
  for (int round = 0; round < 3; ++round) {
    fill();
    EXPECT_FALSE(out(false, 11));
    pass_time(lab, 300);
    EXPECT_EQ(connections_of(lab), 0);
    EXPECT_EQ(charged(), 0U);
  }
}

// Who asks is charged; it has room of its own.
TEST_F(PortQuota, OneGuestsConnectionsAreNotAnothersToo) {
  fill();
  lab.send("green-3", {udp_frame(kGreen3, kGreen1.mac, kGreen1.ip)});
  EXPECT_EQ(lab.take("green-1").size(), 1U);
  EXPECT_EQ(charged(), kQuota);
}

}  // namespace
}  // namespace alkaid::test
