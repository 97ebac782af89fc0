// A port with many connections, each admitted by a rule of its own, here and to other hosts: what
// one change of policy cuts, and what it leaves alone.
#include <array>
#include <string>
#include <tuple>

#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

struct Peer {
  const char* port;  // "up": on another host
  Station station;
  Station6 station6;
};
const Peer kHere{"green-3", kGreen3, kGreen3v6};
const Peer kThere{"up", kGreen2, kGreen2v6};

// Between green-1, who opens it or not, and a peer.
struct Talk {
  const char* rule;
  bool ipv6;
  std::uint8_t protocol;
  std::uint16_t service;
};
constexpr std::array kTalks{
    Talk{"web", false, ip_protocol::kTcp, 80}, Talk{"web6", true, ip_protocol::kTcp, 80},
    Talk{"names", false, ip_protocol::kUdp, 53}, Talk{"names6", true, ip_protocol::kUdp, 53},
    Talk{"mail", false, ip_protocol::kTcp, 25}};

constexpr std::array kOtherHosts{Ipv4Address{0x0a000003}, Ipv4Address{0x0a000004}};

class PolicyCuts : public ::testing::Test {
 protected:
  PolicyCuts() : lab(settings()) {
    lab.program_network();
    program_ipv6(lab);
    enforce(lab, "green-1", {"rules"});
  }
  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.flows.timeouts.udp_two_way = 3600;
    for (const Ipv4Address& host : kOtherHosts) {
      settings.underlay_neighbors.emplace_back(host, kPeerVtepMac);
    }
    return settings;
  }

  static SecurityRuleConfig rule_of(const Talk& talk, bool ingress) {
    return policy_rule(talk.rule, ingress, talk.ipv6, talk.protocol, talk.service);
  }
  // by_initiator: from who opened it, whose port is 1234.
  template <class Ip>
  static Bytes on(const Ip& ip, const Talk& talk, bool by_initiator, std::uint8_t flags) {
    const std::uint16_t source = by_initiator ? 1234 : talk.service;
    const std::uint16_t destination = by_initiator ? talk.service : 1234;
    return talk.protocol == ip_protocol::kUdp
               ? ip.udp({.source_port = source, .destination_port = destination}).build()
               : ip.tcp({.source_port = source, .destination_port = destination, .flags = flags})
                     .build();
  }
  // True: it came through.
  bool send(const Peer& peer, const Talk& talk, bool from_green1, bool by_initiator,
            std::uint8_t flags = tcp_flag::kAck) {
    const Peer green1{"green-1", kGreen1, kGreen1v6};
    const Peer& from = from_green1 ? green1 : peer;
    const Peer& to = from_green1 ? peer : green1;
    const auto ethernet =
        packet().ethernet({.source = from.station.mac, .destination = to.station.mac});
    const Bytes frame =
        talk.ipv6 ? on(ethernet.ipv6({.source = from.station6.ip, .destination = to.station6.ip}),
                       talk, by_initiator, flags)
                  : on(ethernet.ipv4({.source = from.station.ip, .destination = to.station.ip}),
                       talk, by_initiator, flags);
    const bool is_tunnelled = std::string{from.port} == "up";
    lab.send(from.port, {is_tunnelled ? tunnelled(frame, uplink_mac(lab)) : frame});
    return lab.take(to.port).size() == 1;
  }
  // Opened by green-1, or by the peer; true: all of it came through.
  bool establish(const Peer& peer, const Talk& talk, bool by_green1) {
    bool passes = send(peer, talk, by_green1, true, tcp_flag::kSyn) &&
                  send(peer, talk, !by_green1, false, tcp_flag::kSyn | tcp_flag::kAck);
    for (int i = 0; i < 2; ++i) {
      passes = passes && send(peer, talk, by_green1, true) && send(peer, talk, !by_green1, false);
    }
    return passes;
  }
  bool goes_on(const Peer& peer, const Talk& talk, bool by_green1) {
    const bool reply = send(peer, talk, !by_green1, false);
    const bool original = send(peer, talk, by_green1, true);
    EXPECT_EQ(reply, original) << talk.rule;
    return reply;
  }
  void remove_rule(const char* id) {
    ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "rules", .removed_rules = {id}}));
  }

  PipelineLab lab;
};

TEST_F(PolicyCuts, ARemovedRuleCutsItsOwnConnectionsOnly) {
  for (const bool by_green1 : {true, false}) {
    std::vector<SecurityRuleConfig> rules;
    rules.reserve(kTalks.size());
    for (const Talk& talk : kTalks) {
      rules.push_back(rule_of(talk, !by_green1));
    }
    set_rules(lab, "rules", rules);
    for (const Talk& talk : kTalks) {
      EXPECT_TRUE(establish(kHere, talk, by_green1)) << talk.rule;
      EXPECT_TRUE(establish(kThere, talk, by_green1)) << talk.rule;
    }
    auto left = static_cast<int>(2 * kTalks.size());
    ASSERT_TRUE(lab.all_drops().empty() || !by_green1);
    for (std::size_t removed = 0; removed < kTalks.size(); ++removed) {
      remove_rule(kTalks[removed].rule);
      for (std::size_t i = 0; i < kTalks.size(); ++i) {
        EXPECT_EQ(goes_on(kHere, kTalks[i], by_green1), i > removed) << kTalks[i].rule;
        EXPECT_EQ(goes_on(kThere, kTalks[i], by_green1), i > removed) << kTalks[i].rule;
      }
      left -= 2;
      EXPECT_EQ(connections_of(lab), left);
    }
  }
}

// An address leaves the group, another one comes: in one change.
TEST_F(PolicyCuts, WhoTakesAMembersPlaceIsLetInAndTheMemberCut) {
  const Talk& talk = kTalks[0];
  auto rule = rule_of(talk, true);
  rule.remote_group = "friends";
  set_rules(lab, "rules", {rule});
  const IpAddress there{kGreen2.ip};
  const IpAddress here{kGreen3.ip};
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "friends", .members = {there}}));
  EXPECT_TRUE(establish(kThere, talk, false));
  EXPECT_FALSE(send(kHere, talk, false, true, tcp_flag::kSyn));
  for (int round = 0; round < 2; ++round) {
    ASSERT_FALSE(lab.programmer().set(
        SecurityGroupChange{.id = "friends", .members = {here}, .removed_members = {there}}));
    EXPECT_FALSE(goes_on(kThere, talk, false));
    EXPECT_TRUE(establish(kHere, talk, false));
    ASSERT_FALSE(lab.programmer().set(
        SecurityGroupChange{.id = "friends", .members = {there}, .removed_members = {here}}));
    EXPECT_FALSE(goes_on(kHere, talk, false));
    EXPECT_TRUE(establish(kThere, talk, false));
  }
}

// A member that moves from one host to another one is the same member.
TEST_F(PolicyCuts, AMemberThatMovesToAnotherHostLosesNothing) {
  const Talk& talk = kTalks[0];
  auto rule = rule_of(talk, true);
  rule.remote_group = "friends";
  set_rules(lab, "rules", {rule});
  ASSERT_FALSE(lab.programmer().set(
      SecurityGroupChange{.id = "friends", .members = {IpAddress{kGreen2.ip}}}));
  EXPECT_TRUE(establish(kThere, talk, false));
  auto neighbor = PipelineLab::neighbor_config(kGreen, kGreen2);
  for (const Ipv4Address& host : {kOtherHosts[0], kOtherHosts[1], kPeerVtep}) {
    neighbor.vtep = IpAddress{host};
    ASSERT_FALSE(lab.programmer().set(neighbor));
    EXPECT_TRUE(goes_on(kThere, talk, false)) << host.to_string();
  }
  EXPECT_TRUE(lab.all_drops().empty());
}

// Idle ones whose peer is on another host and sends next: by_green1, which talk.
class IdleToAnotherHost : public PolicyCuts,
                          public ::testing::WithParamInterface<std::tuple<bool, std::size_t>> {};

TEST_P(IdleToAnotherHost, IsCutWhenThePeerSendsNext) {
  const auto [by_green1, number] = GetParam();
  const Talk& talk = kTalks[number];
  set_rules(lab, "rules", {rule_of(talk, !by_green1)});
  EXPECT_TRUE(establish(kThere, talk, by_green1));
  pass_time(lab, 600);
  ASSERT_EQ(connections_of(lab), 1) << "it is idle, not forgotten";
  ASSERT_TRUE(lab.all_drops().empty());
  remove_rule(talk.rule);
  EXPECT_FALSE(send(kThere, talk, false, !by_green1));
  EXPECT_EQ(lab.drops("up", by_green1 ? DropReason::policy_egress : DropReason::policy_ingress),
            1U);
  EXPECT_EQ(connections_of(lab), 0);
  EXPECT_FALSE(goes_on(kThere, talk, by_green1));
}

INSTANTIATE_TEST_SUITE_P(Talks, IdleToAnotherHost,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Range(std::size_t{0}, std::size_t{4})));

}  // namespace
}  // namespace alkaid::test
