// Security groups and connections together: what passes, what is cut, what comes through.
#include <gtest/gtest.h>

#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint8_t kUdp = ip_protocol::kUdp;
constexpr std::uint8_t kIcmp = ip_protocol::kIcmp;

SecurityRuleConfig rule(std::string id, bool ingress, std::optional<std::uint8_t> protocol,
                        std::uint16_t port = 0) {
  return policy_rule(std::move(id), ingress, false, protocol, port);
}

class PolicyOfPorts : public ::testing::Test {
 protected:
  void enforce(const char* id, const Station& station, std::vector<std::string> groups) {
    auto config = PipelineLab::port_config(id, kGreen, station);
    config.policy_enforced = true;
    config.security_groups = std::move(groups);
    ASSERT_FALSE(lab.programmer().set(config));
  }
  void set_rules(const std::string& group, std::vector<SecurityRuleConfig> rules,
                 std::vector<std::string> removed = {}) {
    ASSERT_FALSE(lab.programmer().set(
        SecurityGroupChange{.id = group, .rules = std::move(rules), .removed_rules = removed}));
  }

  // A datagram of one flow; what came out at the other side.
  std::size_t there(std::uint16_t destination_port = 5678) {
    lab.send("green-1", {packet()
                             .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                             .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                             .udp({.source_port = 1234, .destination_port = destination_port})
                             .payload(Bytes(20))
                             .build()});
    return lab.take("green-3").size();
  }
  std::size_t back(std::uint16_t source_port = 5678) {
    lab.send("green-3", {packet()
                             .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                             .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                             .udp({.source_port = source_port, .destination_port = 1234})
                             .payload(Bytes(20))
                             .build()});
    return lab.take("green-1").size();
  }
  std::uint64_t hits(const std::string& group, const std::string& rule) {
    const SecurityGroup* found = lab.dataplane().tables().security_groups.find(group);
    return lab.dataplane().tables().rules.hits(found->rules().at(rule).number);
  }
  // Unreachable, sent by green-3 about a datagram that green-1 sent it.
  std::size_t port_unreachable(std::uint16_t quoted_port) {
    const Bytes quoted = packet()
                             .ethernet()
                             .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                             .udp({.source_port = 1234, .destination_port = quoted_port})
                             .build();
    lab.send("green-3", {packet()
                             .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                             .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                             .icmp({.type = 3, .code = 3})
                             .payload(Bytes(quoted.begin() + sizeof(EthernetHeader), quoted.end()))
                             .build()});
    return lab.take("green-1").size();
  }

  PipelineLab lab;
};

TEST_F(PolicyOfPorts, WithoutRulesNothingPassesButAddressResolution) {
  enforce("green-1", kGreen1, {});
  EXPECT_EQ(there(), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 1U);
  EXPECT_EQ(back(), 0U);
  EXPECT_EQ(lab.drops("green-3", DropReason::policy_ingress), 1U);
  lab.send("green-1", {arp_request(kGreen1, kGreen3.ip)});
  EXPECT_EQ(lab.take("green-1").size(), 1U) << "ARP is answered";
  lab.send("green-1", {echo_frame(kGreen1, kGreenGatewayMac, kGreenGateway)});
  EXPECT_EQ(lab.take("green-1").size(), 1U) << "the gateway answers pings";
}

TEST_F(PolicyOfPorts, EgressIsAskedAtTheSourceAndIngressAtTheDestination) {
  enforce("green-1", kGreen1, {"out"});
  enforce("green-3", kGreen3, {"in"});
  set_rules("out", {rule("any", false, std::nullopt)});
  EXPECT_EQ(there(), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_ingress), 1U);
  set_rules("in", {rule("udp", true, kUdp, 5678)});
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(there(9), 0U);
  EXPECT_EQ(hits("out", "any"), 1U) << "a connection counts once, a refused one not";
  EXPECT_EQ(hits("in", "udp"), 1U);
}

TEST_F(PolicyOfPorts, RepliesPassWhateverTheRulesSay) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("udp", false, kUdp)});
  EXPECT_EQ(back(), 0U) << "nobody asked";
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  EXPECT_EQ(back(), 1U);
  EXPECT_EQ(back(9), 0U) << "another flow";
}

TEST_F(PolicyOfPorts, RemovingTheRuleCutsBothDirections) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("udp", false, kUdp)});
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  set_rules("out", {}, {"udp"});
  EXPECT_EQ(back(), 0U) << "the direction that no rule was about";
  EXPECT_EQ(there(), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 1U);
}

TEST_F(PolicyOfPorts, AConnectionThatAnotherRuleAdmitsLosesNothing) {
  enforce("green-1", kGreen1, {"out", "more"});
  set_rules("out", {rule("udp", false, kUdp)});
  set_rules("more", {rule("any", false, std::nullopt)});
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  set_rules("out", {rule("tcp", false, ip_protocol::kTcp)});
  EXPECT_EQ(there(), 1U) << "an addition";
  set_rules("out", {}, {"udp"});
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  lab.programmer().remove_security_group("more");
  EXPECT_EQ(back(), 0U);
  EXPECT_EQ(there(), 0U);
}

TEST_F(PolicyOfPorts, LosingTheGroupCuts) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("udp", false, kUdp)});
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  enforce("green-1", kGreen1, {});
  EXPECT_EQ(back(), 0U);
  EXPECT_EQ(there(), 0U);
}

TEST_F(PolicyOfPorts, LosingTheMembershipCuts) {
  enforce("green-3", kGreen3, {"in"});
  auto from_friends = rule("friends", true, kUdp);
  from_friends.remote_group = "friends";
  set_rules("in", {from_friends});
  EXPECT_EQ(there(), 0U);
  ASSERT_FALSE(lab.programmer().set(
      SecurityGroupChange{.id = "friends", .members = {IpAddress{kGreen1.ip}}}));
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(back(), 1U);
  EXPECT_EQ(there(), 1U);
  ASSERT_FALSE(lab.programmer().set(
      SecurityGroupChange{.id = "friends", .removed_members = {IpAddress{kGreen1.ip}}}));
  EXPECT_EQ(there(), 0U);
  EXPECT_EQ(back(), 0U);
}

// What was opened from an address does not let answers in to another port that has it now.
TEST_F(PolicyOfPorts, AnAddressThatMovesTakesNoConnectionsWithIt) {
  lab.make_rings("second");
  auto first = PipelineLab::port_config("green-1", kGreen, kGreen1);
  first.policy_enforced = true;
  first.security_groups = {"out"};
  const IpAddress shared{Ipv4Address{0x0a010064}};
  first.fixed_ips = {shared};
  ASSERT_FALSE(lab.programmer().set(first));
  set_rules("out", {rule("any", false, std::nullopt)});
  const auto frame = [](const Station& from, const MacAddress& to, Ipv4Address source,
                        Ipv4Address destination, bool reply) {
    return packet()
        .ethernet({.source = from.mac, .destination = to})
        .ipv4({.source = source, .destination = destination})
        .udp({.source_port = static_cast<std::uint16_t>(reply ? 53 : 1234),
              .destination_port = static_cast<std::uint16_t>(reply ? 1234 : 53)})
        .payload(Bytes(20))
        .build();
  };
  lab.send("green-1", {frame(kGreen1, kGreen3.mac, shared.v4(), kGreen3.ip, false)});
  EXPECT_EQ(lab.take("green-3").size(), 1U);
  lab.send("green-3", {frame(kGreen3, kGreen1.mac, kGreen3.ip, shared.v4(), true)});
  EXPECT_EQ(lab.take("green-1").size(), 1U);
  // Another port takes address and MAC over; its groups let nothing in.
  lab.programmer().remove_port("green-1");
  auto second = first;
  second.id = "second";
  second.attachment = "ring:second";
  ASSERT_FALSE(lab.programmer().set(second));
  lab.send("green-3", {frame(kGreen3, kGreen1.mac, kGreen3.ip, shared.v4(), true)});
  EXPECT_TRUE(lab.take("second").empty());
}

TEST_F(PolicyOfPorts, IcmpErrorsPassOnlyAboutKnownConnections) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("udp", false, kUdp)});
  EXPECT_EQ(port_unreachable(5678), 0U);
  EXPECT_EQ(lab.drops("green-3", DropReason::icmp_error_unrelated), 1U);
  EXPECT_EQ(there(), 1U);
  EXPECT_EQ(port_unreachable(5678), 1U);
  EXPECT_EQ(port_unreachable(9), 0U);
  set_rules("out", {}, {"udp"});
  EXPECT_EQ(port_unreachable(5678), 0U) << "what nothing admits any more has no errors";
}

TEST_F(PolicyOfPorts, EchoRequestsAreConnectionsByIdentifier) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("ping", false, kIcmp)});
  const auto ping = [&](const char* port, const Station& from, const Station& to, std::uint8_t type,
                        std::uint16_t identifier) {
    lab.send(port, {echo_frame(from, to.mac, to.ip, {.type = type, .identifier = identifier})});
    return lab.take(from.ip == kGreen1.ip ? "green-3" : "green-1").size();
  };
  EXPECT_EQ(ping("green-3", kGreen3, kGreen1, 0, 7), 0U) << "an answer that nobody asked for";
  EXPECT_EQ(ping("green-1", kGreen1, kGreen3, 8, 7), 1U);
  EXPECT_EQ(ping("green-3", kGreen3, kGreen1, 0, 7), 1U);
  EXPECT_EQ(ping("green-3", kGreen3, kGreen1, 0, 8), 0U);
  EXPECT_EQ(ping("green-3", kGreen3, kGreen1, 8, 7), 0U) << "a request the other way";
}

TEST_F(PolicyOfPorts, TcpWithoutASynIsPickedUpOnlyAWhile) {
  enforce("green-1", kGreen1, {"out"});
  set_rules("out", {rule("any", false, std::nullopt)});
  const auto ack = [&](std::uint16_t port) {
    lab.send("green-1", {packet()
                             .ethernet({.source = kGreen1.mac, .destination = kGreen3.mac})
                             .ipv4({.source = kGreen1.ip, .destination = kGreen3.ip})
                             .tcp({.source_port = port, .flags = TcpFields::kAck})
                             .build()});
    return lab.take("green-3").size();
  };
  EXPECT_EQ(ack(1), 1U) << "the ports have just appeared";
  lab.dataplane().flows().clock.advance(121'000);
  EXPECT_EQ(ack(2), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::connection_invalid), 1U);
}

// green-1 enforces a policy that allows everything out; the others have none.
class PolicyLimits : public ::testing::Test {
 protected:
  void start(const FlowSettings& flows) {
    auto settings = PipelineLab::default_settings();
    settings.flows = flows;
    lab_.emplace(settings);
    lab_->program_network();
    auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
    config.policy_enforced = true;
    config.security_groups = {"out"};
    ASSERT_FALSE(lab_->programmer().set(config));
    ASSERT_FALSE(lab_->programmer().set(
        SecurityGroupChange{.id = "out", .rules = {rule("any", false, std::nullopt)}}));
  }
  std::size_t send(std::uint16_t port) { return send("green-1", kGreen1, kGreen3, port, 80); }
  // Between ports that enforce none.
  std::size_t send_without_policy(std::uint16_t port) {
    return send("green-3", kGreen3, kGreen2, port, 80);
  }

  std::optional<PipelineLab> lab_;

 private:
  std::size_t send(const std::string& port, const Station& from, const Station& to,
                   std::uint16_t source_port, std::uint16_t destination_port) {
    lab_->send(port, {packet()
                          .ethernet({.source = from.mac, .destination = to.mac})
                          .ipv4({.source = from.ip, .destination = to.ip})
                          .udp({.source_port = source_port, .destination_port = destination_port})
                          .build()});
    return lab_->take(to.ip == kGreen2.ip   ? "up"
                      : to.ip == kGreen3.ip ? "green-3"
                                            : "green-1")
        .size();
  }
};

TEST_F(PolicyLimits, APortsQuotaRefusesOnlyWhereAPolicyIsEnforced) {
  auto flows = PipelineLab::default_settings().flows;
  flows.connections_per_port = 2;
  start(flows);
  EXPECT_EQ(send(11), 1U);
  EXPECT_EQ(send(12), 1U);
  EXPECT_EQ(send(13), 0U);
  EXPECT_EQ(lab_->drops("green-1", DropReason::connection_quota), 1U);
  EXPECT_EQ(send(12), 1U) << "known ones go on";
  for (std::uint16_t port = 21; port <= 24; ++port) {
    EXPECT_EQ(send_without_policy(port), 1U) << "untracked";
  }
}

}  // namespace
}  // namespace alkaid::test
