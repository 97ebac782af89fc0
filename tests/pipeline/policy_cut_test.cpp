// What a change of policy cuts although nobody has sent for a while, in both families: the next
// packet may well be one that no rule is about.
#include <string>
#include <tuple>

#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

enum class Removal { kNothing, kRule, kGroupOfThePort, kGroup, kMembership };

// green-1 talks to green-3: both enforce, "out" lets it leave, "in" lets members of "friends" in.
class IdleConnection : public ::testing::TestWithParam<std::tuple<Removal, std::uint8_t, bool>> {
 protected:
  IdleConnection() : lab(settings()) {
    lab.program_network();
    program_ipv6(lab);
    enforce(lab, "green-1", {"out"});
    enforce(lab, "green-3", {"in"});
    set_rules(lab, "out", {policy_rule("leave", false, ipv6, protocol)});
    auto enter = policy_rule("enter", true, ipv6, protocol);
    enter.remote_group = "friends";
    set_rules(lab, "in", {enter});
    EXPECT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "friends", .members = {member()}}));
  }

  static DataplaneSettings settings() {
    auto settings = PipelineLab::default_settings();
    settings.flows.timeouts.udp_two_way = 3600;
    return settings;
  }
  [[nodiscard]] IpAddress member() const { return ipv6 ? kGreen1v6.ip : IpAddress{kGreen1.ip}; }

  template <class Ip>
  Bytes on(const Ip& ip, bool reply, std::uint8_t flags) const {
    const auto source = static_cast<std::uint16_t>(reply ? 80 : 1234);
    const auto destination = static_cast<std::uint16_t>(reply ? 1234 : 80);
    return protocol == ip_protocol::kUdp
               ? ip.udp({.source_port = source, .destination_port = destination}).build()
               : ip.tcp({.source_port = source, .destination_port = destination, .flags = flags})
                     .build();
  }
  std::size_t send(bool reply, std::uint8_t flags) {
    const Station& from = reply ? kGreen3 : kGreen1;
    const Station& to = reply ? kGreen1 : kGreen3;
    const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
    const Bytes frame =
        ipv6 ? on(ethernet.ipv6({.source = (reply ? kGreen3v6 : kGreen1v6).ip,
                                 .destination = (reply ? kGreen1v6 : kGreen3v6).ip}),
                  reply, flags)
             : on(ethernet.ipv4({.source = from.ip, .destination = to.ip}), reply, flags);
    lab.send(reply ? "green-3" : "green-1", {frame});
    return lab.take(reply ? "green-1" : "green-3").size();
  }
  std::size_t there(std::uint8_t flags = tcp_flag::kAck) { return send(false, flags); }
  std::size_t back(std::uint8_t flags = tcp_flag::kAck) { return send(true, flags); }

  void establish() {
    EXPECT_EQ(there(tcp_flag::kSyn), 1U);
    EXPECT_EQ(back(tcp_flag::kSyn | tcp_flag::kAck), 1U);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(there(), 1U);
      EXPECT_EQ(back(), 1U);
    }
  }
  void remove() {
    switch (removal) {
      case Removal::kNothing:
        break;
      case Removal::kRule:
        ASSERT_FALSE(
            lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"leave"}}));
        break;
      case Removal::kGroupOfThePort:
        enforce(lab, "green-1", {});
        break;
      case Removal::kGroup:
        lab.programmer().remove_security_group("out");
        break;
      case Removal::kMembership:
        ASSERT_FALSE(lab.programmer().set(
            SecurityGroupChange{.id = "friends", .removed_members = {member()}}));
        break;
    }
  }

  const Removal removal = std::get<0>(GetParam());
  const std::uint8_t protocol = std::get<1>(GetParam());
  const bool ipv6 = std::get<2>(GetParam());
  PipelineLab lab;
};

TEST_P(IdleConnection, IsCutInTheDirectionOfReplies) {
  establish();
  pass_time(lab, 600);
  ASSERT_EQ(connections_of(lab), 1) << "it is idle, not forgotten";
  ASSERT_TRUE(lab.all_drops().empty());
  remove();
  if (removal == Removal::kNothing) {
    EXPECT_EQ(back(), 1U);
    EXPECT_EQ(there(), 1U);
    EXPECT_TRUE(lab.all_drops().empty());
    return;
  }
  EXPECT_EQ(back(), 0U);
  EXPECT_EQ(lab.drops("green-3", removal == Removal::kMembership ? DropReason::policy_ingress
                                                                 : DropReason::policy_egress),
            1U);
  EXPECT_EQ(connections_of(lab), 0);
  EXPECT_EQ(there(), 0U);
  EXPECT_EQ(back(), 0U);
}

std::string name_of_parameters(const ::testing::TestParamInfo<IdleConnection::ParamType>& info) {
  const char* const removals[] = {"Nothing", "Rule", "GroupOfThePort", "Group", "Membership"};
  return std::string{removals[static_cast<int>(std::get<0>(info.param))]} +
         (std::get<1>(info.param) == ip_protocol::kUdp ? "Udp" : "Tcp") +
         (std::get<2>(info.param) ? "6" : "4");
}

INSTANTIATE_TEST_SUITE_P(Removals, IdleConnection,
                         ::testing::Combine(::testing::Values(Removal::kNothing, Removal::kRule,
                                                              Removal::kGroupOfThePort,
                                                              Removal::kGroup,
                                                              Removal::kMembership),
                                            ::testing::Values(ip_protocol::kTcp, ip_protocol::kUdp),
                                            ::testing::Bool()),
                         name_of_parameters);

}  // namespace
}  // namespace alkaid::test
