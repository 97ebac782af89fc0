// Connections whose far end moves here or to another host: they go on, as far as the groups of the
// end that has stayed, and of the port that is new, admit who has opened them.
#include <string>
#include <tuple>

#include "tests/pipeline/merged_counts.hpp"
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint16_t kClientPort = 1234;
constexpr std::uint16_t kServerPort = 80;

enum class Place { kHere, kElsewhere };

// green-1 stays here; green-3 moves. Who opens the connection may send to anybody, the other one
// may open nothing and lets nothing in but what opens it.
class PolicyMoves : public ::testing::TestWithParam<std::tuple<Place, bool, std::uint8_t, bool>> {
 protected:
  PolicyMoves() : lab(settings()) {
    lab.program_network();
    program_ipv6(lab);
    set_rules(lab, "client", {policy_rule("out", false, ipv6)});
    set_rules(lab, "server", {policy_rule("in", true, ipv6)});
    enforce(lab, "green-1", {stays_opens ? "client" : "server"});
    config_ = *lab.dataplane().ports().find_config("green-3");
    config_.policy_enforced = true;
    config_.security_groups = {stays_opens ? "server" : "client"};
    if (first == Place::kHere) {
      EXPECT_FALSE(lab.programmer().set(config_));
    } else {
      move_away();
    }
  }

  void move_away() {
    lab.programmer().remove_port("green-3");
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen3)));
    auto v6 = PipelineLab::neighbor_config(kGreen, kGreen3);
    v6.key.ip = kGreen3v6.ip;
    EXPECT_FALSE(lab.programmer().set(v6));
    is_here_ = false;
  }
  void move_here() {
    lab.programmer().remove_neighbor({kGreen, IpAddress{kGreen3.ip}});
    lab.programmer().remove_neighbor({kGreen, kGreen3v6.ip});
    EXPECT_FALSE(lab.programmer().set(config_));
    is_here_ = true;
  }
  void move() {
    if (is_here_) {
      move_away();
    } else {
      move_here();
    }
  }

  // From the connection's client or from its server; whether it came out at the other end.
  bool send(bool by_client, std::uint8_t flags = tcp_flag::kAck) {
    const bool by_who_stays = by_client == stays_opens;
    const Bytes inner = frame(by_who_stays, by_client, flags);
    if (by_who_stays) {
      lab.send("green-1", {inner});
      return lab.take(is_here_ ? "green-3" : "up").size() == 1;
    }
    if (!is_here_) {
      return send_from_wire(by_client, flags);
    }
    lab.send("green-3", {inner});
    return lab.take("green-1").size() == 1;
  }
  bool send_from_wire(bool by_client, std::uint8_t flags = tcp_flag::kAck) {
    lab.send("up", {tunnelled(frame(false, by_client, flags), uplink_mac(lab))});
    return lab.take("green-1").size() == 1;
  }
  bool there(std::uint8_t flags = tcp_flag::kAck) { return send(true, flags); }
  bool back(std::uint8_t flags = tcp_flag::kAck) { return send(false, flags); }

  void open() {
    if (protocol == ip_protocol::kTcp) {
      ASSERT_TRUE(there(tcp_flag::kSyn));
      ASSERT_TRUE(back(tcp_flag::kSyn | tcp_flag::kAck));
    }
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(there());
      ASSERT_TRUE(back());
    }
    ASSERT_EQ(connections_of(lab), 1);
  }
  void pass_window() { pass_time(lab, 130, 10); }

  const Place first = std::get<0>(GetParam());
  const bool stays_opens = std::get<1>(GetParam());
  const std::uint8_t protocol = std::get<2>(GetParam());
  const bool ipv6 = std::get<3>(GetParam());
  PipelineLab lab;

 private:
  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.flows.timeouts.udp_two_way = 3600;
    settings.flows.mid_stream = MidStreamPickup::kNever;
    return settings;
  }

  template <class Ip>
  Bytes on(const Ip& ip, bool by_client, std::uint8_t flags) const {
    const std::uint16_t source = by_client ? kClientPort : kServerPort;
    const std::uint16_t destination = by_client ? kServerPort : kClientPort;
    if (protocol == ip_protocol::kTcp) {
      return ip.tcp({.source_port = source, .destination_port = destination, .flags = flags})
          .build();
    }
    return ip.udp({.source_port = source, .destination_port = destination}).build();
  }
  [[nodiscard]] Bytes frame(bool by_who_stays, bool by_client, std::uint8_t flags) const {
    const Station& from = by_who_stays ? kGreen1 : kGreen3;
    const Station& to = by_who_stays ? kGreen3 : kGreen1;
    const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
    return ipv6 ? on(ethernet.ipv6({.source = (by_who_stays ? kGreen1v6 : kGreen3v6).ip,
                                    .destination = (by_who_stays ? kGreen3v6 : kGreen1v6).ip}),
                     by_client, flags)
                : on(ethernet.ipv4({.source = from.ip, .destination = to.ip}), by_client, flags);
  }

  PortConfig config_;
  bool is_here_ = true;
};

TEST_P(PolicyMoves, WhoStaysGoesOnFirst) {
  open();
  pass_window();  // nothing is picked up because a port is new
  move();
  EXPECT_TRUE(send(stays_opens));
  EXPECT_TRUE(send(!stays_opens));
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
  EXPECT_EQ(connections_of(lab), 1);
}

TEST_P(PolicyMoves, WhoHasMovedGoesOnFirst) {
  open();
  pass_window();
  move();
  EXPECT_TRUE(send(!stays_opens));
  EXPECT_TRUE(send(stays_opens));
  EXPECT_TRUE(there());
  EXPECT_TRUE(back());
  EXPECT_EQ(connections_of(lab), 1);
}

TEST_P(PolicyMoves, ThereAndBack) {
  open();
  for (int i = 0; i < 3; ++i) {
    move();
    pass_time(lab, 2, 1);  // the keeper has seen it
    EXPECT_TRUE(send(i == 1)) << i;
    EXPECT_TRUE(send(i != 1)) << i;
  }
  EXPECT_EQ(connections_of(lab), 1);
}

// What the rules of who stays no longer admit does not go on.
TEST_P(PolicyMoves, ARuleThatHasGoneMeanwhileCuts) {
  open();
  lab.programmer().remove_security_group(stays_opens ? "client" : "server");
  move();
  EXPECT_FALSE(send(stays_opens));
  EXPECT_EQ(connections_of(lab), 0);
  EXPECT_FALSE(send(!stays_opens));
}

// Nor can somebody who turns up with the address later.
TEST_P(PolicyMoves, APortThatIsNoLongerNewTakesNothingOver) {
  if (first == Place::kHere || (protocol == ip_protocol::kUdp && !stays_opens)) {
    return;  // of who comes here and may not open it himself
  }
  open();
  move();
  pass_window();
  EXPECT_FALSE(send(!stays_opens));
}

// The fabric does not speak for a port that is here.
TEST_P(PolicyMoves, ATunnelTakesNothingFromAPortThatIsHere) {
  if (first != Place::kHere || (protocol == ip_protocol::kUdp && !stays_opens)) {
    return;  // of local pairs, by who may not open it himself
  }
  open();
  EXPECT_FALSE(send_from_wire(!stays_opens));
  EXPECT_TRUE(send(!stays_opens));
  EXPECT_TRUE(send(stays_opens));
}

// Nor does a SYN or an RST that comes first take a connection along.
TEST_P(PolicyMoves, NobodyBeginsOrEndsItFromElsewhere) {
  if (protocol != ip_protocol::kTcp || !stays_opens) {
    return;  // TCP, by who may not open it himself
  }
  open();
  move();
  EXPECT_FALSE(send(false, tcp_flag::kRst));
  EXPECT_FALSE(send(false, tcp_flag::kSyn));
  EXPECT_TRUE(send(true));
  EXPECT_TRUE(send(false));
}

TEST_P(PolicyMoves, CountsAreKept) {
  open();
  move();
  EXPECT_TRUE(send(stays_opens));
  EXPECT_TRUE(send(!stays_opens));
  read_card(lab);
  lab.walk();  // the control thread sees that it goes on as another one
  std::uint64_t packets = 0;
  const auto count = [&]<class Key>(ConnectionTable<Key>&, ConnectionNumber number) {
    for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
      packets += packets_of<Key>(lab, number, direction);
    }
  };
  lab.dataplane().connections().for_each<FlowKeyV4>(count);
  lab.dataplane().connections().for_each<FlowKeyV6>(count);
  EXPECT_EQ(packets, protocol == ip_protocol::kTcp ? 8U : 6U);
}

TEST_P(PolicyMoves, APeerThatNeverTurnsUpIsForgotten) {
  if (first != Place::kHere || protocol != ip_protocol::kTcp) {
    return;  // of local pairs, by a protocol that may be idle for longer
  }
  open();
  lab.programmer().remove_port("green-3");
  pass_time(lab, 60, 10);
  EXPECT_EQ(connections_of(lab), 1);
  pass_time(lab, 80, 10);
  EXPECT_EQ(connections_of(lab), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, PolicyMoves,
    ::testing::Combine(::testing::Values(Place::kHere, Place::kElsewhere), ::testing::Bool(),
                       ::testing::Values(ip_protocol::kTcp, ip_protocol::kUdp), ::testing::Bool()),
    [](const auto& info) {
      return std::string{std::get<0>(info.param) == Place::kHere ? "Away" : "Here"} +
             (std::get<1>(info.param) ? "Stays" : "Moves") + "Opens" +
             (std::get<2>(info.param) == ip_protocol::kTcp ? "Tcp" : "Udp") +
             (std::get<3>(info.param) ? "V6" : "V4");
    });

// Both ports are new, as after a restart; green-1 may open connections to others and nobody to it.
class PickUp : public ::testing::Test {
 protected:
  PickUp() {
    enforce(lab, "green-1", {"client"});
    set_rules(lab, "client", {policy_rule("out", false, false, ip_protocol::kTcp)});
  }
  PipelineLab lab;
};

TEST_F(PickUp, AnAnswerIsPickedUpIfItsReceiverMayHaveAsked) {
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 1U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 1U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, false), 1U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 1U);
  EXPECT_EQ(connections_of(lab), 1);
}

// Or a stranger would open a connection behind a segment that looks like an answer.
TEST_F(PickUp, NobodyOpensBehindWhatLooksLikeAnAnswer) {
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 1U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kSyn, true), 0U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kSyn | tcp_flag::kAck, true), 0U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kRst, false), 1U)
      << "what a host says that knows of nothing";
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kSyn, true), 0U);
  EXPECT_EQ(send_tcp(lab, 2, tcp_flag::kSyn | tcp_flag::kAck, true), 0U);
  EXPECT_EQ(send_tcp(lab, 3, tcp_flag::kRst, true), 0U);
}

TEST_F(PickUp, NotAnswersThatNoRuleLetsItsReceiverAskFor) {
  set_rules(lab, "client", {policy_rule("other", false, false, ip_protocol::kTcp, 443)});
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "client", .removed_rules = {"out"}}));
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 0U);
}

TEST_F(PickUp, OnlyForAWhile) {
  lab.dataplane().flows().clock.advance(121'000);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 0U);
}

// Answers alone keep nothing alive.
TEST_F(PickUp, NotForLongerIfOnlyAnswersCome) {
  std::size_t passed = 0;
  for (int i = 0; i < 26; ++i) {
    passed += send_tcp(lab, 1, tcp_flag::kAck, true);
    pass_time(lab, 10, 10);
  }
  EXPECT_GE(passed, 12U);
  EXPECT_LE(passed, 25U);
  EXPECT_EQ(send_tcp(lab, 1, tcp_flag::kAck, true), 0U);
  EXPECT_EQ(connections_of(lab), 0);
}

TEST_F(PickUp, DatagramsAreNot) {
  set_rules(lab, "client", {policy_rule("any", false, false)});
  lab.send("green-3", {udp_frame(kGreen3, kGreen1.mac, kGreen1.ip)});
  EXPECT_TRUE(lab.take("green-1").empty());
}

}  // namespace
}  // namespace alkaid::test
