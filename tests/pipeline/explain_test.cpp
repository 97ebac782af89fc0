// What is explained is what happens: random packets are explained and then sent.
#include <cstdlib>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rte_graph.h>
#include <rte_graph_worker.h>

#include "dataplane/explain/explainer.hpp"
#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/ipv6_network.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using Outcome = Explanation::Outcome;

constexpr const char* kPorts[] = {"up", "green-1", "green-3", "red-1"};

// ---- everything that explaining must leave alone

template <class Key>
void add_connections(PipelineLab& lab, std::string& text) {
  lab.dataplane().connections().for_each<Key>(
      [&](ConnectionTable<Key>& table, ConnectionNumber number) {
        const ConnectionRecord& record = table.record(number);
        text += fmt::format("{} {} {} {} {}\n", number, record.state.load(), record.life.load(),
                            record.egress_rule.load(), record.ingress_rule.load());
        for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
          const FlowFields& fields = table.half(number, direction).fields;
          text += fmt::format("  {} {} {} {} {} {} {}\n", fields.flags.load(), fields.hop.load(),
                              fields.ingress_stamp.load(), fields.egress_stamp.load(),
                              fields.last_seen.load(), fields.packets.load(), fields.bytes.load());
        }
      });
}

std::string counters_of(const FlowCounters& counters) {
  return fmt::format("{} {} {} {}\n", counters.created.read(), counters.ended.read(),
                     counters.evicted.read(), counters.refused.read());
}

std::string whole_state(PipelineLab& lab) {
  std::string text;
  for (const auto& [name, count] : lab.all_drops()) {
    text += fmt::format("{} {}\n", name, count);
  }
  for (const auto& view : lab.dataplane().ports().views()) {
    const PortCounters& counters = view.port->counters[0];
    text +=
        fmt::format("{} {} {} {} {}\n", view.port->id, counters.rx_packets.read(),
                    counters.rx_bytes.read(), counters.tx_packets.read(), counters.tx_bytes.read());
  }
  const Worker& worker = *lab.dataplane().workers().front();
  text += counters_of(worker.flow_counters(false)) + counters_of(worker.flow_counters(true));
  for (RuleNumber rule = 1; rule < 64; ++rule) {
    text += fmt::format("{} ", lab.dataplane().tables().rules.hits(rule));
  }
  add_connections<FlowKeyV4>(lab, text);
  add_connections<FlowKeyV6>(lab, text);
  return text + fmt::format("buffers {}\n", lab.buffers_in_use());
}

// Packets that a node has seen.
std::uint64_t seen_by(NodeId node) {
  return rte_graph_node_get_by_name("worker-0", name_of(node))->total_objs;
}

// ---- random packets

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}

  bool one_in(unsigned n) { return below(n) == 0; }
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>{0, n - 1}(random_);
  }
  template <class T>
  T of(std::initializer_list<T> choices) {
    return *(choices.begin() + below(choices.size()));
  }

 private:
  std::mt19937 random_;
};

IpAddress address(const char* text) {
  return *IpAddress::parse(text);
}

IpAddress guest_address(const std::string& port, bool v4) {
  if (port == "green-1") {
    return v4 ? IpAddress{kGreen1.ip} : kGreen1v6.ip;
  }
  if (port == "green-3") {
    return v4 ? IpAddress{kGreen3.ip} : kGreen3v6.ip;
  }
  return v4 ? IpAddress{kRed1.ip} : kRed1v6.ip;
}

// Here, on the other host, unknown in a known subnet, the gateways, nowhere.
IpAddress any_address(Dice& dice, bool v4) {
  return v4 ? dice.of<IpAddress>({kGreen1.ip, kGreen2.ip, kGreen3.ip, kRed1.ip, kRed2.ip,
                                  kGreen1.ip, kGreen2.ip, kGreen3.ip, kRed1.ip, kRed2.ip,
                                  address("10.1.0.99"), address("10.2.0.99"), kGreenGateway,
                                  kRedGateway, address("8.8.8.8")})
            : dice.of<IpAddress>({kGreen1v6.ip, kGreen2v6.ip, kGreen3v6.ip, kRed1v6.ip, kRed2v6.ip,
                                  kGreen1v6.ip, kGreen2v6.ip, kGreen3v6.ip, kRed1v6.ip, kRed2v6.ip,
                                  address("2001:db8:1::99"), address("2001:db8:2::99"),
                                  kGreenGateway6, kRedGateway6, address("2001:db8:9::1")});
}

DescribedPacket random_packet(Dice& dice) {
  const bool v4 = dice.one_in(2);
  DescribedPacket packet;
  packet.port = dice.of({"green-1", "green-3", "red-1"});
  packet.inbound = dice.one_in(3);
  const IpAddress guest = guest_address(packet.port, v4);
  packet.source = packet.inbound || dice.one_in(10) ? any_address(dice, v4) : guest;
  packet.destination = !packet.inbound || dice.one_in(10) ? any_address(dice, v4) : guest;
  const std::uint8_t icmp = v4 ? ip_protocol::kIcmp : ip_protocol::kIcmpv6;
  packet.protocol = dice.of<std::uint8_t>({ip_protocol::kTcp, ip_protocol::kTcp, ip_protocol::kUdp,
                                           ip_protocol::kUdp, icmp, ip_protocol::kSctp, 47});
  // Few, so that connections are met again, and from the other side.
  packet.source_port = dice.of<std::uint16_t>({80, 1001});
  packet.destination_port = dice.of<std::uint16_t>({80, 1001});
  if (packet.protocol == ip_protocol::kTcp && !dice.one_in(4)) {
    packet.tcp_flags = dice.of<std::uint8_t>({tcp_flag::kSyn, tcp_flag::kAck, tcp_flag::kAck,
                                              tcp_flag::kSyn | tcp_flag::kAck,
                                              tcp_flag::kFin | tcp_flag::kAck, tcp_flag::kRst});
  }
  if (packet.protocol == icmp) {
    packet.icmp_type = v4 ? dice.of<std::uint8_t>({8, 8, 0, 3, 11, 13})
                          : dice.of<std::uint8_t>({128, 128, 129, 1, 3, 200});
    packet.icmp_code = 0;
  }
  if (dice.one_in(6)) {
    packet.destination_mac =
        dice.of<MacAddress>({kGreen1.mac, kGreen2.mac, kGreen3.mac, kRed1.mac, kGreenGatewayMac,
                             kRedGatewayMac, MacAddress::from_number(0x0200000000ee)});
  }
  if (dice.one_in(12)) {
    packet.source_mac = dice.of<MacAddress>({kGreen2.mac, kRed2.mac, kDvrMac});
  }
  packet.length = dice.of<std::uint32_t>({0, 0, 0, 200, 1400, 1460, 1500, 1600});
  packet.ttl = dice.one_in(10) ? 1 : 64;
  return packet;
}

// The same packet in an order that answers what was sent before.
DescribedPacket answer_to(const DescribedPacket& packet, Dice& dice) {
  DescribedPacket answer = packet;
  std::swap(answer.source, answer.destination);
  std::swap(answer.source_port, answer.destination_port);
  answer.source_mac = {};
  answer.destination_mac = {};
  answer.tcp_flags = dice.of<std::uint8_t>({tcp_flag::kSyn | tcp_flag::kAck, tcp_flag::kAck});
  for (const char* port : {"green-1", "green-3", "red-1"}) {
    if (guest_address(port, answer.source.is_v4()) == answer.source) {
      answer.port = port;
      answer.inbound = false;
      return answer;
    }
  }
  for (const char* port : {"green-1", "green-3", "red-1"}) {
    if (guest_address(port, answer.source.is_v4()) == answer.destination) {
      answer.port = port;
      answer.inbound = true;
    }
  }
  return answer;
}

// ---- comparison

bool is_on_card(PipelineLab& lab) {
  return lab.dataplane().offloader().is_on();
}

std::string text_of(const DescribedPacket& packet, const Explanation& explanation) {
  std::string text = fmt::format(
      "{} {} protocol {} {}:{} to {}:{} length {} ttl {} known {} hit {}\n", packet.port,
      packet.inbound ? "in" : "out", packet.protocol, packet.source.to_string(), packet.source_port,
      packet.destination.to_string(), packet.destination_port, packet.length, packet.ttl,
      explanation.is_known, explanation.hit);
  for (const auto& stage : explanation.stages) {
    text += fmt::format("  {}: {}\n", name_of(stage.node), stage.decision);
    for (const auto& fact : stage.facts) {
      text += fmt::format("    {}\n", fact);
    }
  }
  return text + explanation.description;
}

class Comparison {
 public:
  explicit Comparison(PipelineLab& lab) : lab_(lab) {}

  void explain_and_send(const DescribedPacket& packet) {
    const std::string before = whole_state(lab_);
    auto result = explain(lab_.dataplane(), packet);
    ASSERT_EQ(whole_state(lab_), before) << "explaining has changed something";
    const auto* explanation = std::get_if<Explanation>(&result);
    if (explanation == nullptr) {
      EXPECT_EQ(std::get<ObjectError>(result).field, "destination_mac");
      ++errors;
      return;
    }
    SCOPED_TRACE(text_of(packet, *explanation));
    if (!is_left_to_card(*explanation)) {
      send_and_compare(packet, *explanation);
    }
    ++outcomes[explanation->outcome];
    hits += explanation->hit ? 1 : 0;
    known += explanation->is_known ? 1 : 0;
    if (explanation->outcome == Outcome::kDropped) {
      ++reasons[explanation->reason];
    }
  }

  std::map<Outcome, int> outcomes;
  std::map<DropReason, int> reasons;
  int errors = 0;
  int hits = 0;
  int known = 0;

 private:
  // Of what it has, a card drops what is larger than the next link takes, without an answer.
  [[nodiscard]] bool is_left_to_card(const Explanation& explanation) const {
    const bool is_too_big = explanation.reason == DropReason::egress_too_big ||
                            explanation.reason == DropReason::underlay_too_big;
    return is_on_card(lab_) && explanation.is_known && is_too_big;
  }
  // Nothing gets to the card that the fast path would not take.
  void send_and_compare(const DescribedPacket& packet, const Explanation& explanation) {
    const auto drops = lab_.all_drops();
    const NodeId slow = packet.inbound ? NodeId::kDecapsulate : NodeId::kGuestInput;
    const std::uint64_t slow_before = seen_by(slow);
    send(packet, explanation);
    EXPECT_EQ(seen_by(slow) - slow_before, explanation.hit ? 0U : 1U) << "fast path";
    compare(packet, explanation, drops);
  }
  void send(const DescribedPacket& packet, const Explanation& explanation) {
    const Port& port = *lab_.dataplane().ports().find(packet.port);
    const auto macs = std::get<FrameMacs>(find_macs(packet, port, lab_.dataplane().tables()));
    const Bytes frame =
        make_frame(packet, macs, explanation.is_known ? tcp_flag::kAck : tcp_flag::kSyn);
    lab_.send(
        packet.inbound ? "up" : packet.port,
        {packet.inbound ? tunnelled(frame, uplink_mac(lab_), {.vni = port.vni.number()}) : frame});
  }

  void compare(const DescribedPacket& packet, const Explanation& explanation,
               std::map<std::string, std::uint64_t> drops) {
    const std::string ingress = packet.inbound ? "up" : packet.port;
    const std::string egress = explanation.egress == "ring:up" ? "up" : explanation.egress;
    if (explanation.outcome == Outcome::kDropped) {
      ++drops[fmt::format("{} {}", ingress, alkaid::text_of(explanation.reason).name)];
    }
    EXPECT_EQ(lab_.all_drops(), drops);
    for (const std::string port : kPorts) {
      const auto frames = lab_.take(port);
      if (explanation.outcome == Outcome::kForwarded && port == egress) {
        EXPECT_EQ(frames, Frames{explanation.frame});
      } else if (explanation.outcome == Outcome::kAnswered && port == egress) {
        EXPECT_EQ(frames.size(), 1U);
      } else if (explanation.outcome == Outcome::kDropped && port == ingress) {
        EXPECT_LE(frames.size(), 1U);  // an ICMP error
      } else {
        EXPECT_EQ(frames.size(), 0U) << port;
      }
    }
  }

  PipelineLab& lab_;
};

// Sends anything but GRE, takes port 80 of TCP and UDP, and ICMP.
SecurityGroupChange servers() {
  SecurityGroupChange group{.id = "servers", .replace = true};
  const auto allow = [&](bool ingress, bool ipv6, std::uint8_t protocol, std::uint16_t port = 0) {
    group.rules.push_back(
        {.id = fmt::format("{}-{}-{}", ingress ? "in" : "out", ipv6 ? 6 : 4, protocol),
         .ingress = ingress,
         .ipv6 = ipv6,
         .protocol = protocol,
         .port_min = port,
         .port_max = port});
  };
  for (const bool ipv6 : {false, true}) {
    const std::uint8_t icmp = ipv6 ? ip_protocol::kIcmpv6 : ip_protocol::kIcmp;
    for (const std::uint8_t protocol : {ip_protocol::kTcp, ip_protocol::kUdp, icmp}) {
      allow(false, ipv6, protocol);
      allow(true, ipv6, protocol, protocol == icmp ? 0 : 80);
    }
  }
  return group;
}

// green-1 and red-1 get the group; green-3 stays open.
void enforce_policy(PipelineLab& lab) {
  ASSERT_FALSE(lab.programmer().set(servers()));
  for (const char* id : {"green-1", "red-1"}) {
    PortConfig port = *lab.dataplane().ports().find_config(id);
    port.security_groups = {"servers"};
    port.policy_enforced = true;
    ASSERT_FALSE(lab.programmer().set(port));
  }
}

void explain_and_send_many(unsigned seed, bool has_policy) {
  Ipv6Lab lab;
  if (has_policy) {
    enforce_policy(lab);
  }
  lab.walk();
  Comparison comparison(lab);
  Dice dice(seed);
  const std::uint64_t by_card = SoftwareNic::instance().ever_forwarded();
  PortConfig port = PipelineLab::port_config("green-3", kGreen, kGreen3);
  port.fixed_ips.push_back(kGreen3v6.ip);
  DescribedPacket last;
  for (int i = 0; i < 3000 && !::testing::Test::HasFailure(); ++i) {
    const bool is_answer = i > 0 && dice.one_in(3);
    const DescribedPacket packet = is_answer ? answer_to(last, dice) : random_packet(dice);
    comparison.explain_and_send(packet);
    last = packet;
    if (i % 200 == 199) {
      // Stamps change, and what is forwarded.
      port.admin_up = !port.admin_up;
      ASSERT_FALSE(lab.programmer().set(port));
    }
  }
  EXPECT_GT(comparison.outcomes[Outcome::kForwarded], 300);
  EXPECT_GT(comparison.outcomes[Outcome::kDropped], 500);
  EXPECT_GT(comparison.outcomes[Outcome::kAnswered], 1);
  EXPECT_GT(comparison.reasons.size(), 8U);
  for (const DropReason reason :
       {DropReason::policy_egress, DropReason::policy_ingress, DropReason::connection_invalid}) {
    EXPECT_EQ(comparison.reasons.contains(reason), has_policy) << alkaid::text_of(reason).name;
  }
  EXPECT_GT(comparison.known, 300);
  EXPECT_EQ(comparison.hits > 50, lab.dataplane().flows().settings.fast_path)
      << comparison.hits << " hits";
  EXPECT_EQ(SoftwareNic::instance().ever_forwarded() - by_card > 20, is_on_card(lab))
      << SoftwareNic::instance().ever_forwarded() - by_card << " by the card";
}

TEST(Explain, WhatIsExplainedHappens) {
  explain_and_send_many(1, false);
}

TEST(Explain, WhatIsExplainedHappensWithSecurityGroups) {
  explain_and_send_many(2, true);
}

Explanation must_explain(PipelineLab& lab, const DescribedPacket& packet) {
  auto result = explain(lab.dataplane(), packet);
  if (const auto* error = std::get_if<ObjectError>(&result)) {
    ADD_FAILURE() << error->field << ": " << error->message;
    return {};
  }
  return std::get<Explanation>(std::move(result));
}

std::string nodes_of(const Explanation& explanation) {
  std::string text;
  for (const auto& stage : explanation.stages) {
    text += (text.empty() ? "" : " ") + std::string{name_of(stage.node)};
  }
  return text;
}

bool has_fact(const Explanation& explanation, std::string_view part) {
  for (const auto& stage : explanation.stages) {
    for (const auto& fact : stage.facts) {
      if (fact.find(part) != std::string::npos) {
        return true;
      }
    }
  }
  return false;
}

const DescribedPacket kWebRequest{.port = "green-1",
                                  .protocol = ip_protocol::kTcp,
                                  .source = kGreen1.ip,
                                  .destination = kRed2.ip,
                                  .source_port = 40000,
                                  .destination_port = 80};

TEST(Explain, RoutedIntoATunnelStageByStage) {
  PipelineLab lab;
  lab.walk();
  const Explanation explanation = must_explain(lab, kWebRequest);
  EXPECT_EQ(nodes_of(explanation), "guest-input route connect encapsulate port-tx");
  EXPECT_EQ(explanation.outcome, Outcome::kForwarded);
  EXPECT_EQ(explanation.egress, "ring:up");
  EXPECT_FALSE(explanation.hit);
  EXPECT_TRUE(has_fact(explanation, "route 10.2.0.0/24"));
  EXPECT_TRUE(has_fact(explanation, "behind VTEP 10.0.0.2, VNI 1002"));
  EXPECT_TRUE(has_fact(explanation, "opens a connection, state syn_sent"));
  EXPECT_TRUE(has_fact(explanation, "VXLAN VNI 1002 to 10.0.0.2"));
}

TEST(Explain, NamesTheRulesOfBothEnds) {
  PipelineLab lab;
  enforce_policy(lab);
  lab.walk();
  DescribedPacket packet = kWebRequest;
  packet.destination = kRed1.ip;
  Explanation explanation = must_explain(lab, packet);
  EXPECT_EQ(explanation.outcome, Outcome::kForwarded);
  EXPECT_TRUE(has_fact(explanation, "egress: servers/out-4-6"));
  EXPECT_TRUE(has_fact(explanation, "ingress: servers/in-4-6"));
  packet.destination_port = 81;
  explanation = must_explain(lab, packet);
  EXPECT_EQ(explanation.reason, DropReason::policy_ingress);
  EXPECT_EQ(nodes_of(explanation), "guest-input route connect");
}

// Rules that differ in whom they are about; one change later another one is named, or none.
TEST(Explain, NamesTheRuleOfARemotePrefixAndOfARemoteGroup) {
  Ipv6Lab lab;
  PortConfig port = *lab.dataplane().ports().find_config("green-1");
  port.security_groups = {"clients"};
  port.policy_enforced = true;
  ASSERT_FALSE(lab.programmer().set(port));
  for (const bool ipv6 : {false, true}) {
    const IpAddress remote = ipv6 ? kRed2v6.ip : IpAddress{kRed2.ip};
    const std::string family = ipv6 ? "6" : "4";
    SecurityRuleConfig by_group{
        .id = "to-group-" + family, .ipv6 = ipv6, .protocol = ip_protocol::kTcp};
    SecurityRuleConfig by_prefix = by_group;
    by_group.remote_group = "friends";
    by_prefix.id = "to-prefix-" + family;
    by_prefix.remote_prefix = IpPrefix::parse(ipv6 ? "2001:db8:2::/64" : "10.2.0.8/29");
    SecurityRuleConfig elsewhere = by_prefix;
    elsewhere.id = "elsewhere-" + family;
    elsewhere.remote_prefix = IpPrefix::parse(ipv6 ? "2001:db8:3::/64" : "10.2.0.16/29");
    DescribedPacket packet = kWebRequest;
    packet.source = ipv6 ? kGreen1v6.ip : IpAddress{kGreen1.ip};
    packet.destination = remote;
    const auto fact_of = [&](const std::string& rule) {
      lab.walk();
      return has_fact(must_explain(lab, packet), "egress: clients/" + rule);
    };
    const auto is_denied = [&] {
      lab.walk();
      return must_explain(lab, packet).reason == DropReason::policy_egress;
    };
    ASSERT_FALSE(
        lab.programmer().set(SecurityGroupChange{.id = "clients", .rules = {by_group, elsewhere}}));
    EXPECT_TRUE(is_denied()) << "nobody is in the group";
    ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "friends", .members = {remote}}));
    EXPECT_TRUE(fact_of(by_group.id));
    ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{
        .id = "clients", .rules = {by_prefix}, .removed_rules = {by_group.id}}));
    EXPECT_TRUE(fact_of(by_prefix.id));
    ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{
        .id = "clients", .rules = {by_group}, .removed_rules = {by_prefix.id}}));
    EXPECT_TRUE(fact_of(by_group.id));
    ASSERT_FALSE(
        lab.programmer().set(SecurityGroupChange{.id = "friends", .removed_members = {remote}}));
    EXPECT_TRUE(is_denied());
  }
}

TEST(Explain, AnAddressThatNobodyHasNamesTheWayOut) {
  PipelineLab lab;
  lab.walk();
  DescribedPacket packet = kWebRequest;
  packet.destination = address("10.1.0.99");
  const auto result = explain(lab.dataplane(), packet);
  const auto* error = std::get_if<ObjectError>(&result);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->field, "destination_mac");
  packet.destination_mac = kGreen2.mac;
  EXPECT_EQ(must_explain(lab, packet).outcome, Outcome::kForwarded);
}

struct BadPacket {
  const char* field;
  void (*spoil)(DescribedPacket& packet);
};

TEST(Explain, BadDescriptionsNameTheField) {
  PipelineLab lab;
  lab.walk();
  const BadPacket cases[] = {
      {"port", [](DescribedPacket& packet) { packet.port = "nobody"; }},
      {"port", [](DescribedPacket& packet) { packet.port = "ring:up"; }},
      {"destination", [](DescribedPacket& packet) { packet.destination = kRed2v6.ip; }},
      {"protocol", [](DescribedPacket& packet) { packet.protocol = ip_protocol::kIcmpv6; }},
      {"length", [](DescribedPacket& packet) { packet.length = 39; }},
      {"length", [](DescribedPacket& packet) { packet.length = 70000; }},
      {"length", [](DescribedPacket& packet) { packet.length = 65535; }},
  };
  for (const auto& [field, spoil] : cases) {
    DescribedPacket packet = kWebRequest;
    spoil(packet);
    const std::string before = whole_state(lab);
    const auto result = explain(lab.dataplane(), packet);
    const auto* error = std::get_if<ObjectError>(&result);
    ASSERT_NE(error, nullptr) << field;
    EXPECT_EQ(error->field, field);
    EXPECT_EQ(whole_state(lab), before);
  }
}

TEST(Explain, ServicesAreNotCalled) {
  PipelineLab lab;
  lab.walk();
  DescribedPacket packet{.port = "green-1",
                         .protocol = ip_protocol::kUdp,
                         .source = address("0.0.0.0"),
                         .destination = address("255.255.255.255"),
                         .source_port = udp_port::kDhcpClient,
                         .destination_port = udp_port::kDhcpServer};
  const std::string before = whole_state(lab);
  const Explanation explanation = must_explain(lab, packet);
  EXPECT_EQ(whole_state(lab), before);
  EXPECT_EQ(explanation.outcome, Outcome::kAnswered);
  EXPECT_EQ(nodes_of(explanation), "guest-input dhcp");
}

TEST(Explain, ReplicationNamesItsReceivers) {
  PipelineLab lab;
  SegmentConfig segment = PipelineLab::segment_config(kGreen);
  DescribedPacket packet = kWebRequest;
  packet.protocol = ip_protocol::kUdp;
  packet.destination = address("10.1.0.255");
  lab.walk();
  EXPECT_EQ(must_explain(lab, packet).reason, DropReason::multicast_unsupported);
  segment.broadcast = BroadcastMode::kReplicate;
  ASSERT_FALSE(lab.programmer().set(segment));
  const Explanation explanation = must_explain(lab, packet);
  EXPECT_EQ(explanation.outcome, Outcome::kForwarded);
  EXPECT_EQ(explanation.egress, "green-3,10.0.0.2");
}

}  // namespace
}  // namespace alkaid::test
