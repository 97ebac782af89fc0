// Security groups in the data plane: which, how, and by how little writing.
#include <algorithm>
#include <chrono>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

schema::PortState web_port(const std::vector<std::string>& groups) {
  return with_groups(port("p1", "green", "10.0.1.11", "02:00:00:00:01:11"), groups);
}

// The order in which two things were done.
bool is_before(const std::vector<std::string>& log, const char* first, const char* second) {
  return std::find(log.begin(), log.end(), first) < std::find(log.begin(), log.end(), second);
}

TEST(SecurityGroupProgramming, PortAndRulesReachTheDataPlane) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalState message;
  *message.add_subnet_states() = green();
  *message.add_port_states() = web_port({"web", "ssh", "web"});
  *message.add_security_group_states() = group("web", {allow("http", 80, "10.0.2.7/24")});
  *message.add_security_group_states() = group("ssh", {allow("any", 22)});
  EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  const auto& programmed = tables.ports.at("p1");
  EXPECT_TRUE(programmed.policy_enforced());
  EXPECT_THAT(programmed.security_groups(), ElementsAre("ssh", "web"));
  const auto& rule = tables.groups.at("web").rules.at("http");
  EXPECT_TRUE(rule.ingress());
  EXPECT_FALSE(rule.ipv6());
  EXPECT_EQ(rule.protocol(), 6U);
  EXPECT_EQ(rule.port_min(), 80U);
  EXPECT_EQ(rule.port_max(), 80U);
  EXPECT_EQ(rule.remote_prefix().length(), 24U);
  EXPECT_FALSE(tables.groups.at("ssh").rules.at("any").has_remote_prefix());
  EXPECT_TRUE(is_before(tables.log, "set group", "set port"));
  EXPECT_TRUE(host.report().in_sync());
}

TEST(SecurityGroupProgramming, UnusedGroupsStayOut) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  EXPECT_THAT(host.push(group("web", {allow("http", 80), allow_group("db", "db")})),
              ElementsAre(Status::kSuccess));
  host.push(group("db", {allow("sql", 5432)}));
  EXPECT_TRUE(tables.groups.empty());
  host.push(web_port({"web"}));
  EXPECT_EQ(tables.rules("web"), "db http");
  // Only its members matter, of which there are none yet.
  EXPECT_EQ(tables.rules("db"), "");
  host.push(with_groups(port("p2", "green", "10.0.1.12", "02:00:00:00:01:12"), {"db"}));
  EXPECT_EQ(tables.rules("db"), "sql");
  EXPECT_EQ(tables.members("db"), "10.0.1.12");
  // Nobody asks who is in it.
  EXPECT_EQ(tables.members("web"), "");
  host.push(deleted(web_port({"web"})));
  EXPECT_EQ(tables.rules("web"), "none");
  EXPECT_EQ(tables.members("db"), "");
  host.push(deleted(port("p2", "green", "10.0.1.12", "02:00:00:00:01:12")));
  EXPECT_TRUE(tables.groups.empty());
}

TEST(SecurityGroupProgramming, OneRuleAmongThousandsIsOneChange) {
  constexpr int kRules = 10000;
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  std::vector<SecurityRule> rules;
  for (int i = 0; i < kRules; ++i) {
    rules.push_back(allow(fmt::format("rule-{}", i), static_cast<std::uint32_t>(i + 1)));
  }
  EXPECT_THAT(host.push(group("web", rules)), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.groups.at("web").rules.size(), static_cast<std::size_t>(kRules));

  tables.group_changes.clear();
  const auto calls = tables.apply_calls;
  host.push(group("web", {allow("rule-77", 7777)}));
  host.push(group("web", {allow("new", 22)}));
  host.push(group("web", {without(allow("new", 0))}));
  ASSERT_EQ(tables.group_changes.size(), 3U);
  EXPECT_EQ(tables.apply_calls, calls + 3);
  EXPECT_EQ(tables.group_changes[0].rules_size(), 1);
  EXPECT_EQ(tables.group_changes[0].rules(0).port_min(), 7777U);
  EXPECT_EQ(tables.group_changes[1].rules_size(), 1);
  EXPECT_THAT(tables.group_changes[2].removed_rules(), ElementsAre("new"));
  EXPECT_EQ(tables.group_changes[2].rules_size(), 0);
  // The same again is no change.
  host.push(group("web", {allow("rule-77", 7777)}));
  EXPECT_EQ(tables.apply_calls, calls + 3);

  constexpr int kChanges = 200;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kChanges; ++i) {
    host.push(group("web", {allow("rule-77", static_cast<std::uint32_t>(20000 + i))}));
  }
  const std::chrono::duration<double, std::milli> each =
      (std::chrono::steady_clock::now() - start) / kChanges;
  EXPECT_LT(each.count(), 1.0) << "milliseconds per change";
}

TEST(SecurityGroupProgramming, FullWritesTheDifference) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  host.push(group("web", {allow("a", 1), allow("b", 2), allow("c", 3)}));
  tables.group_changes.clear();
  host.push(group("web", {allow("b", 2), allow("c", 33), allow("d", 4)}, schema::FULL));
  EXPECT_EQ(tables.rules("web"), "b c d");
  // What is new comes before what goes.
  ASSERT_EQ(tables.group_changes.size(), 2U);
  EXPECT_EQ(tables.group_changes[0].rules_size(), 2);
  EXPECT_THAT(tables.group_changes[1].removed_rules(), ElementsAre("a"));
  host.push(deleted(group("web", {})));
  EXPECT_EQ(tables.rules("web"), "none");
}

TEST(SecurityGroupProgramming, MakesBeforeItBreaks) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(group("old", {allow("a", 1)}));
  host.push(group("new", {allow("a", 1)}));
  host.push(web_port({"old"}));
  tables.log.clear();
  host.push(web_port({"new"}));
  EXPECT_THAT(tables.log, ElementsAre("set group", "set port", "delete group"));
  EXPECT_EQ(tables.rules("old"), "none");
  // A rule that moves from one group to another is never in none.
  host.push(web_port({"new", "old"}));
  tables.group_changes.clear();
  schema::GoalState message;
  *message.add_security_group_states() = group("new", {without(allow("a", 1))});
  *message.add_security_group_states() = group("old", {allow("b", 1)});
  host.push(message);
  ASSERT_EQ(tables.group_changes.size(), 2U);
  EXPECT_EQ(tables.group_changes[0].id(), "old");
  EXPECT_EQ(tables.group_changes[1].id(), "new");
}

TEST(SecurityGroupProgramming, UnknownGroupAllowsNothingAndIsPending) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  EXPECT_THAT(host.push(web_port({"web"})), ElementsAre(Status::kPending));
  EXPECT_TRUE(tables.ports.at("p1").policy_enforced());
  ASSERT_EQ(host.report().pending_size(), 1);
  EXPECT_EQ(host.report().pending(0).field(), "configuration.security_group_ids");
  EXPECT_THAT(host.push(group("web", {})), ElementsAre(Status::kSuccess));
  EXPECT_EQ(host.report().pending_size(), 0);
  EXPECT_EQ(tables.rules("web"), "");
}

TEST(SecurityGroupProgramming, PortsWithoutGroupsGoByTheDefault) {
  for (const bool closed : {false, true}) {
    FakeDataplane tables;
    Policy policy;
    policy.closed_by_default = closed;
    Host host{tables, true, policy};
    host.push(green());
    host.push(web_port({}));
    EXPECT_EQ(tables.ports.at("p1").policy_enforced(), closed);
  }
  FakeDataplane tables;
  Policy policy;
  policy.security_groups = false;
  Host host{tables, true, policy};
  host.push(green());
  EXPECT_THAT(host.push(web_port({"web"})), ElementsAre(Status::kSuccess));
  host.push(group("web", {allow("a", 1)}));
  EXPECT_FALSE(tables.ports.at("p1").policy_enforced());
  EXPECT_TRUE(tables.groups.empty());
}

// ---------------------------------------------------------------- what rules mean

struct Meaning {
  const char* name;
  schema::Protocol protocol;
  std::uint32_t number;  // the extension
  bool v6;
  std::uint32_t min, max;
  std::string becomes;
};

class RuleMeaning : public ::testing::TestWithParam<Meaning> {};

std::string describe(const api::SecurityRule& rule) {
  std::string text = rule.has_protocol() ? fmt::format("{}", rule.protocol()) : "any";
  if (rule.port_min() != 0 || rule.port_max() != 0) {
    text += fmt::format(" ports {}-{}", rule.port_min(), rule.port_max());
  }
  text += rule.has_icmp_type() ? fmt::format(" type {}", rule.icmp_type()) : "";
  return text + (rule.has_icmp_code() ? fmt::format(" code {}", rule.icmp_code()) : "");
}

TEST_P(RuleMeaning, IsThis) {
  const Meaning& meaning = GetParam();
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  SecurityRule rule = allow("r", meaning.min);
  rule.set_protocol(meaning.protocol);
  rule.set_protocol_number(meaning.number);
  rule.set_port_range_max(meaning.max);
  rule.set_ethertype(meaning.v6 ? schema::IPV6 : schema::IPV4);
  const auto status = host.push(group("web", {rule})).front();
  if (meaning.becomes.starts_with("refused ")) {
    EXPECT_EQ(status, Status::kInvalidArgument);
    EXPECT_EQ(host.report().refused(0).field(),
              fmt::format("configuration.security_group_rules[0].{}", meaning.becomes.substr(8)));
    return;
  }
  EXPECT_EQ(status, Status::kSuccess);
  const auto& rules = tables.groups.at("web").rules;
  EXPECT_EQ(rules.empty() ? "nothing" : describe(rules.begin()->second), meaning.becomes);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RuleMeaning,
    ::testing::Values(
        Meaning{"tcp_port", schema::TCP, 0, false, 80, 80, "6 ports 80-80"},
        Meaning{"tcp_range", schema::TCP, 0, true, 1, 65535, "6 ports 1-65535"},
        Meaning{"tcp_from_zero", schema::TCP, 0, false, 0, 1023, "6 ports 0-1023"},
        Meaning{"tcp_one_port", schema::TCP, 0, false, 80, 0, "6 ports 80-80"},
        Meaning{"tcp_without_ports", schema::TCP, 0, false, 0, 0, "any"},
        Meaning{"tcp_by_number", schema::TCP, 6, false, 0, 0, "6"},
        Meaning{"udp", schema::UDP, 0, false, 0, 0, "17"},
        Meaning{"udp_port", schema::UDP, 0, true, 53, 53, "17 ports 53-53"},
        Meaning{"icmp", schema::ICMP, 0, false, 0, 0, "1"},
        Meaning{"icmp_type", schema::ICMP, 0, false, 8, 0, "1 type 8"},
        Meaning{"icmp_type_code", schema::ICMP, 0, false, 3, 4, "1 type 3 code 4"},
        Meaning{"icmp_code", schema::ICMP, 0, false, 0, 1, "1 type 0 code 1"},
        Meaning{"icmp_v6", schema::ICMP, 0, true, 128, 0, "58 type 128"},
        Meaning{"icmp_beyond", schema::ICMP, 0, false, 256, 0, "refused port_range_min"},
        Meaning{"http", schema::HTTP, 0, false, 0, 0, "6 ports 80-80"},
        Meaning{"http_elsewhere", schema::HTTP, 0, false, 8080, 8088, "6 ports 8080-8088"},
        Meaning{"arp", schema::ARP, 0, false, 0, 0, "nothing"},
        Meaning{"any", schema::TCP, 256, false, 0, 0, "any"},
        Meaning{"gre", schema::TCP, 47, true, 0, 0, "47"},
        Meaning{"sctp", schema::TCP, 132, false, 9, 10, "132 ports 9-10"},
        Meaning{"icmp_number", schema::TCP, 58, true, 135, 0, "58 type 135"},
        Meaning{"wrong_icmp", schema::TCP, 58, false, 0, 0, "refused protocol_number"},
        Meaning{"number_beyond", schema::TCP, 257, false, 0, 0, "refused protocol_number"},
        Meaning{"gre_port", schema::TCP, 47, false, 1, 1, "refused port_range_min"},
        Meaning{"any_port", schema::TCP, 256, false, 1, 1, "refused port_range_min"}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(RuleMeaning, TcpWithoutPortsMayMeanTcp) {
  FakeDataplane tables;
  Policy policy;
  policy.tcp_without_ports_is_tcp = true;
  Host host{tables, true, policy};
  host.push(green());
  host.push(web_port({"web"}));
  host.push(group("web", {allow("r", 0)}));
  EXPECT_EQ(tables.groups.at("web").rules.at("r").protocol(), 6U);
}

TEST(RuleMeaning, RemotesAreOneOrTheOtherOrAny) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  EXPECT_THAT(host.push(group("web", {allow("r", 1, "0.0.0.0/0"), allow_group("s", "db")})),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.groups.at("web").rules.at("r").has_remote_prefix());
  EXPECT_EQ(tables.groups.at("web").rules.at("s").remote_group(), "db");
  auto both = allow_group("t", "db");
  both.set_remote_ip_prefix("10.0.0.0/8");
  EXPECT_THAT(host.push(group("web", {both})), ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.report().refused(0).field(), HasSubstr("remote_group_id"));
}

// ---------------------------------------------------------------- room, restarts

TEST(SecurityGroupRoom, IsPendingAndRetriedAndRemovalsAreNotHeldUp) {
  FakeDataplane tables;
  tables.most_rules = 2;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  host.push(group("web", {allow("a", 1), allow("b", 2)}));
  // The rules that come find no room, but the one that goes is gone.
  EXPECT_THAT(host.push(group("web", {allow("c", 3), allow("d", 4), without(allow("a", 1))})),
              ElementsAre(Status::kPending));
  EXPECT_EQ(tables.rules("web"), "b");
  EXPECT_FALSE(host.report().in_sync());
  EXPECT_THAT(host.push(web_port({"web"})), ElementsAre(Status::kPending));
  EXPECT_THAT(host.event_kinds(), Contains("table_full"));
  // Another change doesn't make them forgotten.
  EXPECT_THAT(host.push(group("web", {without(allow("z", 1))})), ElementsAre(Status::kPending));
  tables.most_rules = 3;
  api::TableStatus room;
  host.reconciler.table_changed(room);
  host.reconciler.retry();
  EXPECT_EQ(tables.rules("web"), "b c d");
  EXPECT_TRUE(host.report().in_sync());
  EXPECT_EQ(host.report().pending_size(), 0);
}

TEST(SecurityGroupRoom, LargeGroupsComeInParts) {
  constexpr std::uint32_t kRules = 60000;
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(web_port({"web"}));
  std::vector<SecurityRule> rules;
  for (std::uint32_t i = 0; i < kRules; ++i) {
    rules.push_back(allow(fmt::format("{:036}", i), 1 + i, "192.0.2.0/24"));
  }
  EXPECT_THAT(host.push(group("web", rules)), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.groups.at("web").rules.size(), kRules);
  EXPECT_GT(tables.group_changes.size(), 1U);
  Host restarted{tables};
  EXPECT_EQ(restarted.report().unclaimed_objects(), 3U);
  host.push(group("web", {}, schema::FULL));
  EXPECT_EQ(tables.rules("web"), "");
}

std::vector<schema::GoalState> whole_policy() {
  std::vector<schema::GoalState> messages(6);
  *messages[0].add_subnet_states() = green();
  *messages[1].add_port_states() = web_port({"web"});
  *messages[2].add_port_states() =
      with_groups(port("p2", "green", "10.0.1.12", "02:00:00:00:01:12"), {"db"});
  *messages[3].add_security_group_states() =
      group("web", {allow("http", 80), allow_group("from-db", "db")});
  *messages[4].add_security_group_states() =
      group("db", {allow("sql", 5432), allow_group("from-web", "web")});
  *messages[5].add_neighbor_states() = with_groups(
      neighbor("far", "green", "10.0.1.21", "02:00:00:00:01:21", "172.16.0.2"), {"web", "db"});
  return messages;
}

TEST(SecurityGroupOrder, DoesNotMatterAndARestartWritesNothing) {
  const auto messages = whole_policy();
  FakeDataplane expected;
  Host first{expected};
  for (const auto& message : messages) {
    first.push(message);
  }
  EXPECT_EQ(expected.members("web"), "10.0.1.11 10.0.1.21");
  EXPECT_EQ(expected.members("db"), "10.0.1.12 10.0.1.21");
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    FakeDataplane tables;
    Host host{tables};
    for (const std::size_t index : order) {
      host.push(messages[index]);
    }
    ASSERT_EQ(tables.dump(), expected.dump()) << ::testing::PrintToString(order);
    const auto calls = tables.apply_calls;
    Host restarted{tables};
    for (const std::size_t index : order) {
      restarted.push(messages[index]);
    }
    ASSERT_EQ(tables.apply_calls, calls) << ::testing::PrintToString(order);
    ASSERT_EQ(restarted.report().unclaimed_objects(), 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(SecurityGroupRestart, DeltaLeavesWhatIsThereAndFullAndDeleteCleanUp) {
  FakeDataplane tables;
  Host host{tables};
  for (const auto& message : whole_policy()) {
    host.push(message);
  }
  // The port has not been named, but its group is in use.
  Host restarted{tables};
  restarted.push(group("web", {allow("new", 22)}));
  EXPECT_EQ(tables.rules("web"), "from-db http new");
  restarted.push(group("web", {without(allow("http", 0))}));
  EXPECT_EQ(tables.rules("web"), "from-db new");
  restarted.push(group("web", {allow("new", 22)}, schema::FULL));
  EXPECT_EQ(tables.rules("web"), "new");
  restarted.push(deleted(group("db", {})));
  EXPECT_EQ(tables.rules("db"), "");
  // A port that comes back in another group leaves its former one.
  Host again{tables};
  again.push(green());
  again.push(web_port({"other"}));
  EXPECT_EQ(tables.rules("web"), "none");
}

TEST(SecurityGroupRestart, ChangesWithoutDataplaneAreNotForgotten) {
  FakeDataplane tables;
  Host host{tables};
  for (const auto& message : whole_policy()) {
    host.push(message);
  }
  host.client.available = false;
  host.reconciler.connection_lost("the test says so");
  EXPECT_THAT(host.push(group("web", {without(allow("http", 0)), allow("new", 22)})),
              ElementsAre(Status::kPending));
  host.push(deleted(neighbor("far", "green", "10.0.1.21", "", "")));
  EXPECT_EQ(tables.rules("web"), "from-db http");
  host.client.available = true;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.rules("web"), "from-db new");
  EXPECT_EQ(tables.members("db"), "10.0.1.12");
  EXPECT_TRUE(host.report().in_sync());
  EXPECT_EQ(host.report().unclaimed_objects(), 0U);
  // An empty data plane gets everything again.
  const std::string before = tables.dump();
  host.reconciler.connection_lost("the test says so");
  FakeDataplane empty;
  empty.instance = 2;
  tables = empty;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.dump(), before);
}

TEST(SecurityGroupRestart, LossWithinAWriteIsRepaired) {
  FakeDataplane tables;
  Host host{tables};
  for (const auto& message : whole_policy()) {
    host.push(message);
  }
  host.client.applies_until_loss = 1;
  // The additions get through, the removals don't.
  host.push(group("web", {allow("new", 22), without(allow("http", 0))}));
  EXPECT_FALSE(host.reconciler.connected());
  EXPECT_EQ(tables.rules("web"), "from-db http new");
  host.client.available = true;
  host.client.applies_until_loss = -1;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.rules("web"), "from-db new");
}

}  // namespace
}  // namespace alkaid::agent::test
