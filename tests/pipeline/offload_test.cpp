// Connections in hardware: that they are forwarded as software does it, that the rules are gone
// before anything that they depend on is said to have changed, and what happens when a driver
// refuses.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "dataplane/flow/connection_search.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/policy_network.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint8_t kSyn = tcp_flag::kSyn;
constexpr std::uint8_t kAck = tcp_flag::kAck;
constexpr std::uint8_t kFin = tcp_flag::kFin;
constexpr std::uint8_t kRst = tcp_flag::kRst;

// green-1 talks to a station on the other host, in its subnet or behind the router.
struct Flow {
  bool ipv6 = false;
  std::uint8_t protocol = ip_protocol::kUdp;
  bool routed = false;
  std::uint16_t port = 1234;  // of green-1
};

struct PacketOptions {
  std::uint8_t flags = kAck;
  std::uint8_t hops = 64;
  std::uint8_t ecn = 0;
  std::size_t payload = 16;
};

constexpr std::uint16_t kServer = 443;

// What is counted when the card refuses a rule so: of an operation that was asked for by a template
// and failed when it was done no errno is told.
int told(int error) {
  return SoftwareNic::wants_templates() ? EIO : error;
}

constexpr std::size_t kBehindIpv6 = sizeof(EthernetHeader) + sizeof(Ipv6Header);
constexpr std::size_t kNextHeader = sizeof(EthernetHeader) + offsetof(Ipv6Header, next_header);

Bytes frame_of(const Flow& flow, bool reply, const PacketOptions& options) {
  const Station& remote = flow.routed ? kRed2 : kGreen2;
  const Station6& remote6 = flow.routed ? kRed2v6 : kGreen2v6;
  // The other host's router is a router of its own.
  const MacAddress away = flow.routed ? kGreenGatewayMac : remote.mac;
  const MacAddress from_away = flow.routed ? kDvrMac : remote.mac;
  const auto ethernet = packet().ethernet(
      {.source = reply ? from_away : kGreen1.mac, .destination = reply ? kGreen1.mac : away});
  const auto source_port = reply ? kServer : flow.port;
  const auto destination_port = reply ? flow.port : kServer;
  const auto finish = [&](const auto& ip) {
    return flow.protocol == ip_protocol::kUdp
               ? ip.udp({.source_port = source_port, .destination_port = destination_port})
                     .payload(Bytes(options.payload, 0x5a))
                     .build()
               : ip.tcp({.source_port = source_port,
                         .destination_port = destination_port,
                         .flags = options.flags})
                     .payload(Bytes(options.payload, 0x5a))
                     .build();
  };
  if (flow.ipv6) {
    return finish(ethernet.ipv6({.source = reply ? remote6.ip : kGreen1v6.ip,
                                 .destination = reply ? kGreen1v6.ip : remote6.ip,
                                 .hop_limit = options.hops,
                                 .traffic_class = options.ecn}));
  }
  return finish(ethernet.ipv4({.source = reply ? remote.ip : kGreen1.ip,
                               .destination = reply ? kGreen1.ip : remote.ip,
                               .ttl = options.hops,
                               .tos = options.ecn}));
}

// A card that looked no further than at the ports would take it for the connection's.
Bytes first_fragment(const Flow& flow) {
  const Bytes whole = frame_of(flow, false, {});
  Bytes frame = whole;
  const Ipv6FragmentHeader header{whole[kNextHeader], 0, BigEndian16{1}, BigEndian32{7}};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  frame.insert(frame.begin() + kBehindIpv6, bytes, bytes + sizeof(header));
  frame[kNextHeader] = ip_protocol::kIpv6Fragment;
  auto& ip = *reinterpret_cast<Ipv6Header*>(frame.data() + sizeof(EthernetHeader));
  ip.payload_length = BigEndian16{static_cast<std::uint16_t>(frame.size() - kBehindIpv6)};
  return frame;
}

// What has been sent, and what came of it.
struct Exchange {
  std::string port;
  Frames up;
  Frames guest;

  bool operator==(const Exchange&) const = default;
};

class Conversation {
 public:
  explicit Conversation(PipelineLab& lab) : lab_(lab) {}

  Exchange there(const Flow& flow, const PacketOptions& options = {}) {
    return send("green-1", frame_of(flow, false, options));
  }
  Exchange back(const Flow& flow, const PacketOptions& options = {}, std::uint8_t outer_ecn = 0) {
    return send("up",
                tunnelled(frame_of(flow, true, options), uplink_mac(lab_), {.tos = outer_ecn}));
  }
  void establish(const Flow& flow) {
    if (flow.protocol == ip_protocol::kTcp) {
      there(flow, {.flags = kSyn});
      back(flow, {.flags = kSyn | kAck});
    }
    for (int i = 0; i < 2; ++i) {
      there(flow);
      back(flow);
    }
    settle();
    settle();  // whichever direction came first, now both are known
  }
  // The control thread gets round to everything once.
  Exchange send(const std::string& port, const Bytes& frame) {
    lab_.send(port, {frame});
    Exchange exchange{.port = port, .up = lab_.take("up"), .guest = lab_.take("green-1")};
    return exchange;
  }
  void settle() { let_pass(1001); }
  void let_pass(std::uint32_t milliseconds) {
    lab_.dataplane().flows().clock.advance(milliseconds);
    PluggedNic::nic().let_pass(std::chrono::milliseconds{milliseconds});
    for (int i = 0; i < 12; ++i) {
      lab_.walk();
    }
  }

 private:
  PipelineLab& lab_;
};

constexpr Ipv4Address kOtherVtep{0x0a000003};

class OffloadLab : public PipelineLab {
 public:
  explicit OffloadLab(DataplaneSettings settings = default_settings())
      : PipelineLab(with_other_host(settings)) {
    program_network();
    program_ipv6(*this);
    walk();
  }

 private:
  static DataplaneSettings& with_other_host(DataplaneSettings& settings) {
    settings.underlay_neighbors.emplace_back(IpAddress{kOtherVtep},
                                             MacAddress::from_number(0x0200000000b3));
    return settings;
  }
};

class Offload : public ::testing::Test {
 protected:
  Offload() = default;
  explicit Offload(const DataplaneSettings& settings) : lab(settings) {}

  static SoftwareNic& nic() { return PluggedNic::nic(); }
  [[nodiscard]] Offloader& offloader() { return lab.dataplane().offloader(); }
  [[nodiscard]] std::uint64_t ends(OffloadEnd end) {
    return offloader().counts().ends[static_cast<std::size_t>(end)];
  }
  // The lab's connections as operators see them.
  [[nodiscard]] std::vector<ConnectionSnapshot> connections() {
    ConnectionSearch search(lab.dataplane().flows(), {});
    std::vector<ConnectionSnapshot> found;
    while (search.advance(1000, 1000, found)) {
    }
    for (auto& connection : found) {
      connection.offloaded = offloader().add_counts(connection);
    }
    return found;
  }
  void let_pass(std::uint32_t milliseconds) { talk.let_pass(milliseconds); }
  // As the local API does when it has done what a call asks for.
  void answer() { lab.dataplane().publish_changes(); }
  void move_neighbor() {
    ASSERT_FALSE(
        lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, IpAddress{kOtherVtep})));
    answer();
  }
  [[nodiscard]] const Port& port(const std::string& id) {
    return *lab.dataplane().ports().find(id);
  }

  PluggedNic plugged;
  OffloadLab lab;
  Conversation talk{lab};
};

const Flow kUdp{};
const Flow kTcp{.protocol = ip_protocol::kTcp};

// ---- the same as software

class OffloadedFlow : public ::testing::TestWithParam<std::tuple<bool, std::uint8_t, bool>> {
 protected:
  [[nodiscard]] Flow flow() const {
    return {.ipv6 = std::get<0>(GetParam()),
            .protocol = std::get<1>(GetParam()),
            .routed = std::get<2>(GetParam())};
  }
  std::vector<Exchange> converse(PipelineLab& lab) const {
    Conversation talk(lab);
    talk.establish(flow());
    std::vector<Exchange> exchanges;
    for (const std::uint8_t ecn : {0, 1, 2, 3}) {
      exchanges.push_back(talk.there(flow(), {.ecn = ecn}));
      for (const std::uint8_t outer : {0, 1, 2, 3}) {
        exchanges.push_back(talk.back(flow(), {.ecn = ecn}, outer));
      }
    }
    for (const std::uint8_t hops : {255, 2, 1, 0}) {
      exchanges.push_back(talk.there(flow(), {.hops = hops}));
      exchanges.push_back(talk.back(flow(), {.hops = hops}));
    }
    for (const std::size_t payload : {0U, 1U, 1000U, 1300U}) {
      exchanges.push_back(talk.there(flow(), {.payload = payload}));
      exchanges.push_back(talk.back(flow(), {.payload = payload}));
    }
    if (flow().ipv6) {
      exchanges.push_back(talk.send("green-1", first_fragment(flow())));
    }
    for (const std::uint8_t flags : {kFin | kAck, kRst | kAck, kAck + 0}) {
      exchanges.push_back(talk.there(flow(), {.flags = flags}));
      exchanges.push_back(talk.back(flow(), {.flags = flags}));
    }
    return exchanges;
  }
};

TEST_P(OffloadedFlow, IsForwardedAsSoftwareDoes) {
  std::vector<Exchange> by_software;
  {
    DataplaneSettings settings = PipelineLab::default_settings();
    settings.offload.is_on = false;
    OffloadLab lab(settings);
    by_software = converse(lab);
  }
  const PluggedNic plugged;
  OffloadLab lab;
  const std::vector<Exchange> by_hardware = converse(lab);
  ASSERT_EQ(by_hardware.size(), by_software.size());
  for (std::size_t i = 0; i < by_software.size(); ++i) {
    EXPECT_EQ(by_hardware[i], by_software[i]) << "exchange " << i;
  }
  EXPECT_GE(PluggedNic::nic().forwarded(), 16U);
}

INSTANTIATE_TEST_SUITE_P(All, OffloadedFlow,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(ip_protocol::kUdp, ip_protocol::kTcp),
                                            ::testing::Bool()),
                         [](const auto& info) {
                           return std::string{std::get<0>(info.param) ? "Ipv6" : "Ipv4"} +
                                  (std::get<1>(info.param) == ip_protocol::kUdp ? "Udp" : "Tcp") +
                                  (std::get<2>(info.param) ? "Routed" : "Bridged");
                         });

TEST_F(Offload, BetweenLocalGuests) {
  const auto there = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const auto back = packet()
                        .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                        .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                        .udp({.source_port = 5678, .destination_port = 1234})
                        .payload(Bytes(32, 0x5a))
                        .build();
  for (int i = 0; i < 3; ++i) {
    lab.send("green-1", {there});
    EXPECT_EQ(lab.take("green-3"), Frames{there});
    lab.send("green-3", {back});
    EXPECT_EQ(lab.take("green-1"), Frames{back});
    talk.settle();
  }
  EXPECT_EQ(nic().rules(), 2U);
  EXPECT_GE(nic().forwarded(), 2U);
}

// ---- who has earned it

DataplaneSettings offload_settings(const OffloadSettings& offload) {
  DataplaneSettings settings = PipelineLab::default_settings();
  settings.offload = offload;
  settings.offload.is_on = true;
  return settings;
}

class PatientOffload : public Offload {
 protected:
  PatientOffload() : Offload(offload_settings({.after_packets = 10})) {}
};

TEST_F(PatientOffload, WaitsForPackets) {
  talk.establish(kUdp);  // four
  EXPECT_EQ(nic().rules(), 0U);
  for (int i = 0; i < 7; ++i) {
    talk.there(kUdp);
  }
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U) << "both directions, not marked and marked as capable";
  EXPECT_EQ(offloader().connections(), 1U);
}

TEST_F(Offload, HandshakesAreSoftwares) {
  talk.there(kTcp, {.flags = kSyn});
  talk.back(kTcp, {.flags = kSyn | kAck});
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, TheOtherDirectionIsAddedWhenItIsKnown) {
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 2U);
  talk.back(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), 1U) << "it was answered";
}

// ---- the rules go before software is told

TEST_F(Offload, TcpThatClosesComesBack) {
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  EXPECT_EQ(talk.there(kTcp, {.flags = kFin | kAck}).up.size(), 1U);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), 1U);
  ASSERT_EQ(connections().size(), 1U);
  EXPECT_EQ(connections()[0].word.state(), ConnectionState::fin_wait);
}

TEST_F(Offload, ARemovedRuleCutsWhatHardwareForwards) {
  enforce(lab, "green-1", {"out"});
  set_rules(lab, "out", {policy_rule("leave", false, false, ip_protocol::kTcp)});
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"leave"}}));
  answer();
  EXPECT_EQ(nic().rules(), 0U) << "when the agent is answered";
  EXPECT_EQ(ends(OffloadEnd::port_changed), 1U);
  EXPECT_TRUE(talk.there(kTcp).up.empty());
  EXPECT_TRUE(talk.back(kTcp).guest.empty());
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, APolicyThatStillAllowsItLetsItComeAgain) {
  enforce(lab, "green-1", {"out"});
  set_rules(lab, "out",
            {policy_rule("leave", false, false, ip_protocol::kTcp),
             policy_rule("other", false, false, ip_protocol::kUdp)});
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"other"}}));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "software has not asked the policy again yet";
  EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
  EXPECT_EQ(talk.back(kTcp).guest.size(), 1U);
  let_pass(1001);
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AChangedPort) {
  talk.establish(kUdp);
  auto config = *lab.dataplane().ports().find_config("green-1");
  config.admin_up = false;
  ASSERT_FALSE(lab.programmer().set(config));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_TRUE(talk.there(kUdp).up.empty());
}

TEST_F(Offload, ARemovedPortTakesItsOwnRulesAway) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().all_rules(), 4U + 4 * 2)
      << "each port and the uplink guard hops of both families";
  lab.programmer().remove_port("green-1");
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(nic().all_rules(), 3U * 2) << "what is left is the other ports'";
  EXPECT_EQ(nic().stray_calls(), 0U);
  for (const auto& view : offloader().port_views()) {
    EXPECT_TRUE(view.is_hardware) << view.reason;
  }
  EXPECT_EQ(offloader().port_views().size(), 3U);
}

TEST_F(Offload, AMovedNeighbor) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::neighbor_moved), 1U);
}

TEST_F(Offload, AnotherNeighborsMoveChangesNothing) {
  talk.establish(kUdp);
  const IpAddress vtep{kOtherVtep};
  ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, kRed2, vtep)));
  answer();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AnotherWayToTheTunnelsEnd) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  lab.dataplane().next_hops().set_uplink(MacAddress::from_number(0x020000000077), Clock::now());
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::next_hop_changed), 1U);
}

TEST_F(Offload, AChangedSubnet) {
  talk.establish(kUdp);
  auto segment = lab.dataplane().tables().segments.find(kGreen)->config;
  segment.dns_servers.clear();
  ASSERT_FALSE(lab.programmer().set(segment));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, AFlushedConnection) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  const ConnectionId id = connections().at(0).id;
  ASSERT_TRUE(lab.dataplane().connections().take_down<FlowKeyV4>(id.number, id.life));
  offloader().connections_ended();
  EXPECT_TRUE(offloader().wait_until_removed());
  EXPECT_EQ(nic().rules(), 0U);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 4U) << "a new one earns it anew";
}

TEST_F(Offload, SwitchedOffAndOn) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  offloader().set_on(false);
  EXPECT_EQ(nic().rules(), 0U);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().all_rules(), 0U) << "no guards either";
  offloader().set_on(true);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, NothingIsLeftBehind) {
  talk.establish(kUdp);
  const std::uint64_t before = nic().forwarded();
  offloader().shut_down();
  EXPECT_EQ(nic().all_rules(), 0U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(nic().forwarded(), before);
}

// ---- time and counters

TEST_F(Offload, CountsAreOfBoth) {
  talk.establish(kUdp);
  const PortIndex guest_index = lab.dataplane().ports().find("green-1")->index;
  const PortIndex uplink_index = lab.dataplane().ports().views()[0].port->index;
  const auto before = connections().at(0);
  const HardwareCounts guest_before = offloader().counts_of(guest_index);
  const HardwareCounts uplink_before = offloader().counts_of(uplink_index);
  const std::uint64_t forwarded_before = nic().forwarded();
  EXPECT_TRUE(before.offloaded);
  EXPECT_EQ(before.directions[0].packets, 2U);
  EXPECT_EQ(before.directions[1].packets, 2U);
  for (int i = 0; i < 5; ++i) {
    talk.there(kUdp);
    talk.back(kUdp);
  }
  EXPECT_EQ(nic().forwarded() - forwarded_before, 10U);
  let_pass(1000);
  const std::size_t frame = frame_of(kUdp, false, {}).size();
  for (std::size_t direction = 0; direction < 2; ++direction) {
    EXPECT_EQ(connections().at(0).directions[direction].packets, 7U);
    EXPECT_EQ(connections().at(0).directions[direction].bytes, 7 * frame);
  }
  const HardwareCounts guest = offloader().counts_of(guest_index);
  const HardwareCounts uplink = offloader().counts_of(uplink_index);
  EXPECT_EQ(guest.rx_packets - guest_before.rx_packets, 5U);
  EXPECT_EQ(guest.tx_packets - guest_before.tx_packets, 5U);
  EXPECT_EQ(guest.rx_bytes - guest_before.rx_bytes, 5 * frame);
  EXPECT_EQ(guest.tx_bytes - guest_before.tx_bytes, 5 * frame);
  EXPECT_EQ(uplink.rx_bytes - uplink_before.rx_bytes, 5 * (frame + 50));
  EXPECT_EQ(uplink.tx_bytes - uplink_before.tx_bytes, 5 * (frame + 50));
  // They stay the connection's when it comes back, and when its entry is given up.
  offloader().set_on(false);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_FALSE(connections().at(0).offloaded);
  let_pass(5000);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_EQ(connections().at(0).directions[1].bytes, 7 * frame);
}

TEST_F(Offload, IdleOnesComeBack) {
  talk.establish(kUdp);
  for (int second = 0; second < 30; ++second) {
    talk.there(kUdp);
    let_pass(1000);
    ASSERT_EQ(nic().rules(), 4U) << "after " << second;
  }
  for (int second = 0; second < 11; ++second) {
    let_pass(1000);
  }
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::idle), 1U);
  EXPECT_EQ(connections().size(), 1U) << "it is idle, not over";
}

// Read when the last packet is some time ago.
TEST_F(Offload, HardwareKnowsHowLongAgo) {
  talk.establish(kUdp);
  talk.there(kUdp);
  let_pass(9500);
  ASSERT_EQ(nic().rules(), 4U);
  let_pass(1001);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::idle), 1U);
}

TEST(OffloadAges, AreReadFromCountersIfHardwareTellsNone) {
  PluggedNic plugged;
  PluggedNic::nic().refuse_ages();
  OffloadLab lab;
  Conversation talk{lab};
  talk.establish(kUdp);
  ASSERT_EQ(PluggedNic::nic().rules(), 4U);
  talk.there(kUdp);
  talk.let_pass(9500);
  talk.let_pass(9500);
  EXPECT_EQ(PluggedNic::nic().rules(), 4U);
  talk.let_pass(1001);
  EXPECT_EQ(PluggedNic::nic().rules(), 0U);
}

TEST_F(Offload, HardwareTellsWhatHasAged) {
  constexpr std::uint32_t kEntry = 3;
  RuleExecutor executor({.table_size = 8, .age = 5});
  const auto aged = [&executor] {
    executor.submit({.kind = RuleRequest::Kind::kAged});
    executor.step();
    auto outcomes = executor.take();
    EXPECT_EQ(outcomes.back().error, 0);
    return outcomes.back().aged;
  };
  const Port& green = port("green-1");
  OffloadRule rule;
  rule.proxy = nic().proxy_of(green.device.ethdev);
  rule.ingress = rule.egress = green.device.ethdev;
  rule.source = rule.destination = IpAddress{kGreen1.ip};
  OffloadRule other = rule;
  other.ports = 1;
  executor.submit({.kind = RuleRequest::Kind::kInstall,
                   .entry = kEntry,
                   .epoch = 1,
                   .rules = std::vector<OffloadRule>{rule, other}});
  nic().let_pass(std::chrono::seconds{4});
  EXPECT_TRUE(aged().empty());
  nic().let_pass(std::chrono::seconds{5});
  const auto told = aged();
  ASSERT_EQ(told.size(), 1U) << "when all of its rules have";
  EXPECT_EQ(told[0].entry, kEntry);
  EXPECT_EQ(told[0].epoch, 1U);
  EXPECT_TRUE(aged().empty()) << "once";
  executor.submit({.kind = RuleRequest::Kind::kRemove, .entry = kEntry, .epoch = 1});
  executor.step();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, WhatHardwareForwardsIsNotForgotten) {
  talk.establish(kUdp);
  const std::uint32_t timeout = lab.dataplane().connections().timeouts().udp_two_way;
  for (std::uint32_t second = 0; second < 2 * timeout; second += 5) {
    ASSERT_EQ(talk.there(kUdp).up.size(), 1U);
    let_pass(1000);
    let_pass(4000);
  }
  EXPECT_EQ(connections().size(), 1U);
  EXPECT_GT(nic().forwarded(), 2 * timeout / 5 - 3U);
  for (std::uint32_t second = 0; second < timeout + 20; second += 5) {
    let_pass(5000);
  }
  EXPECT_TRUE(connections().empty());
  EXPECT_EQ(nic().rules(), 0U);
}

// ---- when the driver refuses

TEST_F(Offload, ARefusedRuleMeansSoftware) {
  nic().refuse_rules(EOPNOTSUPP);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(offloader().counts().errors.at(told(EOPNOTSUPP)), 1U) << "not tried again at once";
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  nic().refuse_rules(0);
  for (int i = 0; i < 6; ++i) {
    let_pass(2000);
    talk.there(kUdp);
  }
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AFullTable) {
  nic().set_capacity(8 + 4 + 3);  // the ports' own, one connection, and not quite another
  talk.establish(kUdp);
  talk.establish(kTcp);
  EXPECT_EQ(offloader().connections(), 1U);
  EXPECT_EQ(nic().rules(), 4U) << "what was installed of the second is gone";
  EXPECT_GE(offloader().counts().errors.at(ENOSPC), 1U);
  EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
}

TEST_F(Offload, WhatCantBeRemovedAloneGoesWithTheRest) {
  talk.establish(kUdp);
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 8U);
  nic().refuse_removals(EBUSY);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  talk.settle();
  EXPECT_EQ(offloader().connections(), 0U);
  nic().refuse_removals(0);
  talk.there(kTcp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "it isn't trusted any more";
  for (const auto& view : offloader().port_views()) {
    EXPECT_FALSE(view.is_hardware);
    EXPECT_NE(view.reason, "");
  }
}

TEST_F(Offload, WhatCantBeReadComesBack) {
  talk.establish(kUdp);
  nic().refuse_queries(EIO);
  let_pass(1000);
  EXPECT_EQ(ends(OffloadEnd::rules_lost), 1U);
}

TEST(OffloadPorts, SayWhyTheyAreSoftware) {
  DataplaneSettings settings = PipelineLab::default_settings();
  settings.offload.is_on = true;
  {
    const PluggedNic plugged;
    PluggedNic::nic().refuse_validation(ENOTSUP);
    OffloadLab lab(settings);
    Conversation(lab).settle();
    std::size_t guests = 0;
    for (const auto& view : lab.dataplane().offloader().port_views()) {
      const Port* port = lab.dataplane().port_table().find(view.port);
      EXPECT_EQ(view.is_hardware, port->is_uplink);
      if (!port->is_uplink) {
        ++guests;
        EXPECT_NE(view.reason.find("no tunnels"), std::string::npos) << view.reason;
      }
    }
    EXPECT_EQ(guests, 3U);
    EXPECT_FALSE(lab.dataplane().offloader().is_watching());
  }
  if (SoftwareNic::instance().is_plugged()) {
    return;  // the whole suite's
  }
  OffloadLab lab(settings);
  Conversation(lab).settle();
  for (const auto& view : lab.dataplane().offloader().port_views()) {
    EXPECT_FALSE(view.is_hardware);
    EXPECT_NE(view.reason.find("no switch in hardware"), std::string::npos) << view.reason;
  }
  EXPECT_FALSE(lab.dataplane().offloader().is_watching());
}

TEST_F(Offload, AnotherSwitch) {
  const std::uint16_t device = port("green-1").device.ethdev;
  nic().put_into_other_switch(device);
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U);
  for (const auto& view : offloader().port_views()) {
    EXPECT_EQ(view.is_hardware, view.port != port("green-1").index) << view.reason;
  }
}

// Two ports, each of which manages the rules about its own packets: one connection has rules here
// and there.
TEST_F(Offload, AFlushOfOnePortsRulesLosesNoCounts) {
  nic().let_ports_manage_themselves();
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  for (int i = 0; i < 5; ++i) {
    talk.there(kUdp);
  }
  for (int i = 0; i < 3; ++i) {
    talk.back(kUdp);
  }
  nic().refuse_removals(EBUSY);  // of the uplink, then of the guest's port
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_EQ(connections().at(0).directions[1].packets, 5U);
}

TEST_F(Offload, AFlushThatFailsIsNotForgotten) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  nic().refuse_removals(EBUSY);
  nic().refuse_flushes(EIO);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 4U);
  EXPECT_EQ(offloader().stuck(), 1U);
  EXPECT_EQ(offloader().connections(), 1U) << "hardware forwards it, by the old rules";
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  talk.settle();
  EXPECT_EQ(offloader().counts().late_removals, 1U) << "counted once";
  nic().refuse_removals(0);
  nic().refuse_flushes(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "tried again";
  EXPECT_EQ(offloader().stuck(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "it isn't trusted any more";
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 4U) << "an operator trusts it again";
}

// ---- rules by templates

// A card that takes no others.
class TemplateOffload : public ::testing::Test {
 protected:
  class Card : public PluggedNic {
   public:
    Card() { nic().queue().reset(true); }
  };

  static SoftwareNic& nic() { return PluggedNic::nic(); }
  [[nodiscard]] Offloader& offloader() { return lab.dataplane().offloader(); }

  Card card;
  OffloadLab lab;
  Conversation talk{lab};
};

TEST_F(TemplateOffload, MakesAndRemovesRules) {
  talk.establish(kUdp);
  talk.establish(kTcp);
  EXPECT_EQ(nic().rules(), 8U);
  EXPECT_GE(nic().queue().made(), nic().all_rules()) << "none in another way";
  const std::uint64_t forwarded = nic().forwarded();
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(talk.back(kTcp).guest.size(), 1U);
  EXPECT_EQ(nic().forwarded() - forwarded, 2U);
  offloader().set_on(false);
  EXPECT_EQ(nic().all_rules(), 0U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, WhatFailsWhenItIsDoneIsTakenBack) {
  talk.settle();
  const std::size_t own = nic().all_rules();
  nic().refuse_rules(EIO);
  talk.establish(kUdp);
  EXPECT_EQ(nic().all_rules(), own) << "a rule that was not taken is destroyed, too";
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(offloader().counts().errors.at(EIO), 1U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, AFailedRemovalIsNotAskedForTwice) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  nic().refuse_removals(EBUSY);
  nic().refuse_flushes(EIO);
  lab.dataplane().publish_changes();
  offloader().policy_changed(lab.dataplane().ports().find("green-1")->index);
  offloader().wait_until_removed();
  EXPECT_EQ(offloader().stuck(), 1U);
  nic().refuse_removals(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U) << "its handles are void";
  nic().refuse_flushes(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().stuck(), 0U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, ADriverThatTellsNothingHasFailed) {
  talk.settle();
  nic().queue().fall_silent();
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U) << "its switch was emptied";
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_GE(offloader().counts().errors.at(ETIMEDOUT), 1U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
}

class SmallOffload : public Offload {
 protected:
  static constexpr std::uint32_t kRoom = 10;

  SmallOffload() : Offload(offload_settings({.after_packets = 0, .connections = kRoom})) {}
  void talk_of(std::uint16_t first, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
      const Flow flow{.port = static_cast<std::uint16_t>(first + i)};
      talk.there(flow);
      talk.back(flow);
    }
  }
};

TEST_F(SmallOffload, WhatIsRefusedTakesNoPlace) {
  nic().refuse_rules(EOPNOTSUPP);
  talk_of(3000, 3 * kRoom);
  talk.settle();
  let_pass(3000);  // they are quiet
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_GE(offloader().counts().errors.at(told(EOPNOTSUPP)), kRoom);
  nic().refuse_rules(0);
  talk_of(4000, kRoom - 2);
  talk.settle();
  EXPECT_EQ(offloader().connections(), kRoom - 2);
  talk_of(4000, kRoom + 2);
  talk.settle();
  EXPECT_EQ(offloader().connections(), kRoom);
  EXPECT_GT(offloader().counts().refused_full, 0U)
      << "the places are taken by what hardware forwards";
}

// More than the notices' ring has room for.
TEST_F(Offload, ManyThatEndAtOnce) {
  // More than requests may be under way; some at a time, as only what has just been heard is a
  // candidate, and a sanitized build is slow.
  constexpr std::uint16_t kMany = 300;
  constexpr std::uint16_t kAtOnce = 50;
  for (std::uint16_t i = 0; i < kMany; ++i) {
    talk.there({.port = static_cast<std::uint16_t>(3000 + i)});
    if ((i + 1) % kAtOnce == 0) {
      talk.settle();
    }
  }
  talk.settle();
  ASSERT_EQ(offloader().connections(), kMany);
  for (const auto& connection : connections()) {
    lab.dataplane().connections().take_down<FlowKeyV4>(connection.id.number, connection.id.life);
  }
  offloader().connections_ended();
  EXPECT_TRUE(offloader().wait_until_removed());
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), kMany);
}

// ---- a thread of its own

class ThreadedOffload : public Offload {
 protected:
  explicit ThreadedOffload(const OffloadSettings& settings =
                               {.after_packets = 0, .longest_wait = std::chrono::seconds{10}})
      : Offload(offload_settings(settings)) {
    offloader().allow_thread();
    // What is left undone is not another test's.
    offloader().set_on(false);
    offloader().set_on(true);
  }
  ~ThreadedOffload() override { EXPECT_EQ(nic().stray_calls(), 0U); }

  template <class Condition>
  [[nodiscard]] bool comes_true(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      lab.walk();
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return condition();
  }
  // Drivers have said what they can do.
  void wait_for_ports() {
    ASSERT_TRUE(comes_true([this] {
      const auto views = offloader().port_views();
      return std::all_of(views.begin(), views.end(),
                         [](const auto& view) { return view.is_hardware; });
    }));
  }
  void establish(const Flow& flow) {
    wait_for_ports();
    const std::size_t before = offloader().connections();
    talk.establish(flow);
    ASSERT_TRUE(comes_true([&] {
      talk.there(flow);
      talk.back(flow);
      return offloader().connections() > before && nic().rules() == 4 * (before + 1);
    }));
    lab.walk();
  }
};

TEST_F(ThreadedOffload, ASlowDriverHoldsUpChangesNotForwarding) {
  nic().set_delay(std::chrono::milliseconds{5});
  establish(kUdp);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U) << "waited for";
  EXPECT_EQ(offloader().counts().late_removals, 0U);
}

TEST_F(ThreadedOffload, ARemovalOvertakesAnInstallation) {
  establish(kUdp);
  nic().set_delay(std::chrono::milliseconds{30});
  talk.establish(kTcp);
  for (const Flow& flow : {kUdp, kTcp}) {
    talk.there(flow);
    talk.back(flow);
  }
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U) << "also those that were being installed";
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(offloader().rules(), 0U);
}

TEST_F(ThreadedOffload, AHalfInstalledConnectionIsRemoved) {
  establish(kUdp);
  nic().set_capacity(8 + 4 + 2);
  nic().set_delay(std::chrono::milliseconds{20});
  talk.establish(kTcp);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(offloader().rules(), 0U);
}

// For the sanitizers: three threads. Packets come past the card, so software decides anew, opens,
// closes and counts while the control thread reads, marks and takes back.
TEST_F(ThreadedOffload, WorkersDecideWhileRulesComeAndGo) {
  establish(kUdp);
  Worker& worker = *lab.dataplane().workers().front();
  std::jthread thread([&](const std::stop_token& stop) {
    lab.dataplane().quiescence().register_worker(0);
    while (!stop.stop_requested()) {
      worker.step();
    }
    lab.dataplane().quiescence().unregister_worker(0);
  });
  const std::uint8_t flags[] = {kSyn, kAck, kAck, kAck, kFin | kAck, kRst | kAck};
  for (std::uint32_t round = 0; round < 400; ++round) {
    lab.enqueue("green-1",
                {frame_of(kUdp, false, {}), frame_of(kTcp, false, {.flags = flags[round % 6]})});
    lab.enqueue("up", {tunnelled(frame_of(kUdp, true, {}), uplink_mac(lab))});
    const IpAddress vteps[] = {IpAddress{kPeerVtep}, IpAddress{kOtherVtep}};
    if (round % 8 == 0) {
      ASSERT_FALSE(lab.programmer().set(
          PipelineLab::neighbor_config(kGreen, kGreen2, vteps[round / 8 % 2])));
      answer();
    }
    lab.dataplane().tick();
    lab.dataplane().connections().for_each<FlowKeyV4>([&](auto& table, ConnectionNumber number) {
      offloader().look_at(false, number, table.record(number).life.load());
    });
    lab.take("up");
    lab.take("green-1");
  }
  thread.request_stop();
  thread.join();
  EXPECT_GT(offloader().counts().installed, 1U);
  offloader().set_on(false);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
  for (const auto& connection : connections()) {
    EXPECT_EQ(lab.dataplane().flows().v4.record(connection.id.number).state.load() &
                  ConnectionRecord::kOffloaded,
              0U);
  }
}

class ImpatientOffload : public ThreadedOffload {
 protected:
  static constexpr std::chrono::milliseconds kWait{60};

  ImpatientOffload() : ThreadedOffload({.after_packets = 0, .longest_wait = kWait}) {}
  ~ImpatientOffload() override {
    nic().set_delay(std::chrono::milliseconds{0});
    std::this_thread::sleep_for(kSlow);  // until what was begun has been done
  }
  static std::chrono::milliseconds time(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
  }

  static constexpr std::chrono::milliseconds kSlow{400};
};

TEST_F(ImpatientOffload, WhatIsLateIsCountedOnceAndNotWaitedForAgain) {
  establish(kUdp);
  nic().set_delay(kSlow);
  EXPECT_LT(time([this] { move_neighbor(); }), kSlow);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  EXPECT_EQ(nic().rules(), 4U) << "it is late indeed";
  const auto again = time([this] {
    offloader().policy_changed(port("green-1").index);
    answer();
  });
  EXPECT_LT(again, kWait);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  nic().set_delay(std::chrono::milliseconds{0});
  offloader().set_on(false);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
}

// One wait for all that one call has changed.
TEST_F(ImpatientOffload, AChangeOfManyPortsWaitsOnce) {
  establish(kUdp);
  nic().set_delay(kSlow);
  const auto passed = time([this] {
    for (const std::string id : {"green-1", "green-3", "red-1"}) {
      enforce(lab, id, {"out"});
    }
    const IpAddress vtep{kOtherVtep};
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, vtep)));
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, kRed2, vtep)));
    answer();
  });
  EXPECT_LT(passed, 2 * kWait);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
}

TEST_F(ImpatientOffload, ADeviceIsClosedWhenNobodyUsesIt) {
  nic().let_ports_manage_themselves();
  offloader().set_on(false);
  offloader().set_on(true);
  establish(kUdp);
  const std::uint16_t device = port("green-1").device.ethdev;
  nic().set_delay(kSlow);
  const auto passed = time([this] { lab.programmer().remove_port("green-1"); });
  EXPECT_LT(passed, kSlow);
  EXPECT_TRUE(rte_eth_dev_is_valid_port(device)) << "the driver is in a call";
  EXPECT_TRUE(comes_true([&] { return rte_eth_dev_is_valid_port(device) == 0; }));
  nic().set_delay(std::chrono::milliseconds{0});
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(ImpatientOffload, TheEndDoesNotWaitForADriverThatHangs) {
  establish(kUdp);
  nic().set_delay(kSlow);
  EXPECT_LT(time([this] { offloader().shut_down(); }), kSlow);
}

// A driver stands still in the middle of its work, while connections come and go.
class HeldUpOffload : public ThreadedOffload {
 protected:
  static constexpr std::uint32_t kEnough = 8;  // packets, and one more

  HeldUpOffload()
      : ThreadedOffload({.after_packets = kEnough, .longest_wait = std::chrono::milliseconds{20}}) {
    wait_for_ports();
  }
  ~HeldUpOffload() override { nic().let_go(); }

  // The last of these packets makes it a candidate, whose directions are both known.
  void offer(const Flow& flow) {
    talk.establish(flow);
    for (std::uint32_t packets = 6; packets <= kEnough; ++packets) {
      talk.there(flow);
    }
  }
  void wait_until_held_up() {
    ASSERT_TRUE(comes_true([this] { return nic().is_held_up(); }));
  }
  // As an operator's flush does (ConnectionFlush). False: the answer came before the rules' end.
  bool flush() {
    for (const auto& connection : connections()) {
      lab.dataplane().connections().take_down<FlowKeyV4>(connection.id.number, connection.id.life);
    }
    offloader().connections_ended();
    return offloader().wait_until_removed();
  }
  [[nodiscard]] std::optional<ConnectionSnapshot> connection_at(ConnectionNumber number) {
    for (const auto& connection : connections()) {
      if (connection.id.number == number) {
        return connection;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] ConnectionNumber number_of(const Flow& flow) {
    for (const auto& connection : connections()) {
      if (connection.directions[0].source_port == flow.port) {
        return connection.id.number;
      }
    }
    ADD_FAILURE() << "no connection from port " << flow.port;
    return 0;
  }
  // Handshakes are begun until one of them has the number.
  [[nodiscard]] Flow take(ConnectionNumber number) {
    constexpr std::uint16_t kAtOnce = 64;
    for (std::uint16_t port = 10000; port < 20000; port += kAtOnce) {
      Frames handshakes;
      handshakes.reserve(kAtOnce);
      for (std::uint16_t i = 0; i < kAtOnce; ++i) {
        const auto source = static_cast<std::uint16_t>(port + i);
        handshakes.push_back(
            frame_of({.protocol = ip_protocol::kTcp, .port = source}, false, {.flags = kSyn}));
      }
      lab.enqueue("green-1", handshakes);
      lab.walk();
      lab.take("up");
      if (const auto taken = connection_at(number)) {
        return {.protocol = ip_protocol::kTcp, .port = taken->directions[0].source_port};
      }
    }
    ADD_FAILURE() << "nobody gets the number " << number;
    return {};
  }
  // All connections end before the driver has done what it was asked to; then their successor has
  // rules, counters and packets of its own.
  void expect_that_it_can_be_taken(ConnectionNumber number) {
    const std::size_t ended = connections().size();
    ASSERT_FALSE(flush()) << "the driver stands still";
    EXPECT_EQ(offloader().counts().late_removals, ended);
    const Flow next = take(number);
    const std::uint64_t forwarded = nic().forwarded();
    offer(next);
    const Exchange there = talk.there(next);
    const Exchange back = talk.back(next);
    ASSERT_EQ(there.up.size(), 1U);
    ASSERT_EQ(back.guest.size(), 1U);
    EXPECT_EQ(nic().forwarded(), forwarded);
    EXPECT_FALSE(connection_at(number)->offloaded);

    nic().let_go();
    ASSERT_TRUE(comes_true([&] { return connection_at(number)->offloaded; }));
    EXPECT_EQ(nic().rules(), 4U) << "its own";
    EXPECT_EQ(offloader().rules(), 4U);
    EXPECT_EQ(offloader().connections(), 1U);
    EXPECT_EQ(offloader().counts().installed, 2U) << "it, and what the driver was busy with";
    EXPECT_EQ(ends(OffloadEnd::state_changed), ended);
    talk.there(kTcp);
    EXPECT_EQ(nic().forwarded(), forwarded) << "of what was flushed nothing is left";
    EXPECT_EQ(talk.there(next), there);
    EXPECT_EQ(talk.back(next), back);
    EXPECT_EQ(nic().forwarded(), forwarded + 2);
    let_pass(1001);
    const auto has_counted = [&](Direction direction, std::uint64_t packets) {
      return connection_at(number)->directions[static_cast<std::size_t>(direction)].packets ==
             packets;
    };
    // The handshake's first packet was sent twice.
    EXPECT_TRUE(comes_true([&] { return has_counted(Direction::kOriginal, 1 + 3 + 3 + 2); }));
    EXPECT_TRUE(comes_true([&] { return has_counted(Direction::kReply, 3 + 2); }));
  }
};

TEST_F(HeldUpOffload, ANumberIsTakenWhileItsRulesAreBeingInstalled) {
  nic().hold_after(1);
  offer(kTcp);
  wait_until_held_up();
  const std::uint64_t forwarded = nic().forwarded();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
  }
  EXPECT_EQ(nic().forwarded(), forwarded + 3) << "by the rule that there is";
  expect_that_it_can_be_taken(number_of(kTcp));
}

TEST_F(HeldUpOffload, ANumberIsTakenWhileItsRulesWaitForAnothers) {
  const Flow other{.protocol = ip_protocol::kTcp, .port = 1235};
  nic().hold_after(2);
  offer(other);
  wait_until_held_up();
  offer(kTcp);
  ASSERT_EQ(offloader().connections(), 2U) << "asked for";
  expect_that_it_can_be_taken(number_of(kTcp));
}

// ---- anything at all

TEST(OffloadRandom, PacketByPacketAsSoftware) {
  constexpr int kFlows = 12;
  constexpr int kPackets = 1500;
  const auto converse = [](PipelineLab& lab) {
    std::mt19937 random{20221122};
    std::vector<Flow> flows;
    flows.reserve(kFlows);
    for (int i = 0; i < kFlows; ++i) {
      flows.push_back({.ipv6 = i % 2 == 1,
                       .protocol = i % 4 < 2 ? ip_protocol::kUdp : ip_protocol::kTcp,
                       .routed = i % 8 < 4,
                       .port = static_cast<std::uint16_t>(2000 + i)});
    }
    Conversation talk(lab);
    std::vector<Exchange> exchanges;
    exchanges.reserve(kPackets);
    const IpAddress vteps[] = {IpAddress{kPeerVtep}, IpAddress{kOtherVtep}};
    for (int i = 0; i < kPackets; ++i) {
      const Flow& flow = flows[random() % flows.size()];
      const std::uint32_t dice = random() % 100;
      PacketOptions options{.ecn = static_cast<std::uint8_t>(random() % 8 == 0 ? random() % 4 : 0),
                            .payload = random() % 200};
      options.hops = random() % 20 == 0 ? static_cast<std::uint8_t>(random() % 3) : 64;
      options.flags = dice < 5 ? kSyn : dice < 9 ? kSyn | kAck : dice < 10 ? kFin | kAck : kAck;
      const bool reply = random() % 2 == 1;
      exchanges.push_back(reply ? talk.back(flow, options) : talk.there(flow, options));
      if (i % 100 == 99) {
        const auto& vtep = vteps[random() % 2];
        EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, vtep)));
      }
    }
    return exchanges;
  };
  std::vector<Exchange> by_software;
  {
    DataplaneSettings settings = PipelineLab::default_settings();
    settings.offload.is_on = false;
    OffloadLab lab(settings);
    by_software = converse(lab);
  }
  const PluggedNic plugged;
  OffloadLab lab;
  const auto by_hardware = converse(lab);
  ASSERT_EQ(by_hardware.size(), by_software.size());
  for (std::size_t i = 0; i < by_software.size(); ++i) {
    ASSERT_EQ(by_hardware[i], by_software[i]) << "packet " << i;
  }
  EXPECT_GT(PluggedNic::nic().forwarded(), kPackets / 10U);
}

}  // namespace
}  // namespace alkaid::test
