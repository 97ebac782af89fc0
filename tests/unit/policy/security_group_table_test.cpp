#include "dataplane/policy/security_group_table.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/policy_fixture.hpp"

namespace alkaid {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint8_t kTcp = 6;

SecurityRuleConfig tcp(const std::string& id, std::uint16_t port_min, std::uint16_t port_max = 0) {
  return {.id = id,
          .ingress = true,
          .protocol = kTcp,
          .port_min = port_min,
          .port_max = port_max != 0 ? port_max : port_min};
}

SecurityRuleConfig from_group(const std::string& id, const std::string& group) {
  return {.id = id, .ingress = true, .protocol = kTcp, .remote_group = group};
}

TEST(SecurityGroups, AnUnknownGroupAllowsNothingUntilItComes) {
  PolicyFixture fixture;
  const SecurityGroup& acquired = fixture.groups.acquire("web");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "");
  std::size_t known = 0;
  fixture.groups.for_each([&](const SecurityGroup&) { ++known; });
  EXPECT_EQ(known, 0U);

  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {tcp("http", 80)}}));
  EXPECT_EQ(&acquired, fixture.groups.find("web")) << "the port's pointer stays good";
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "web/http");

  EXPECT_TRUE(fixture.groups.remove("web"));
  EXPECT_FALSE(fixture.groups.remove("web"));
  EXPECT_EQ(&acquired, fixture.groups.find("web"));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "");

  fixture.groups.release("web");
  EXPECT_EQ(fixture.groups.find("web"), nullptr);
}

TEST(SecurityGroups, ChangesAddChangeAndRemoveSingleRules) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {tcp("a", 80), tcp("b", 443)}}));
  ASSERT_FALSE(fixture.groups.apply(
      {.id = "web", .rules = {tcp("b", 8443), tcp("c", 22)}, .removed_rules = {"a", "absent"}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 443), "");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 8443), "web/b");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 22), "web/c");

  ASSERT_FALSE(fixture.groups.apply({.id = "web", .replace = true, .rules = {tcp("d", 25)}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 22), "");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 25), "web/d");
  EXPECT_EQ(fixture.rules.occupancy().used, 1U);
}

TEST(SecurityGroups, AReplyIsNotAllowedByTheOtherDirectionsRules) {
  PolicyFixture fixture;
  SecurityRuleConfig out = tcp("out", 80);
  out.ingress = false;
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {out}}));
  const PolicyQuery query{ip("10.0.0.1"), false, kTcp, 80};
  EXPECT_EQ(fixture.decide("web", PolicyDirection::kEgress, query), "web/out");
  EXPECT_EQ(fixture.decide("web", PolicyDirection::kIngress, query), "");
}

TEST(SecurityGroups, FamiliesAreApart) {
  PolicyFixture fixture;
  SecurityRuleConfig six{.id = "six", .ingress = true, .ipv6 = true};
  SecurityRuleConfig four{.id = "four", .ingress = true};
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {six}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "");
  EXPECT_EQ(fixture.ingress("web", "2001:db8::1", kTcp, 80), "web/six");
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .replace = true, .rules = {four}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "web/four");
  EXPECT_EQ(fixture.ingress("web", "2001:db8::1", kTcp, 80), "");
}

TEST(SecurityGroups, MembersOfARemoteGroup) {
  PolicyFixture fixture;
  // The rule may come before the group it names.
  ASSERT_FALSE(fixture.groups.apply({.id = "db", .rules = {from_group("r", "web")}}));
  EXPECT_EQ(fixture.ingress("db", "10.0.0.1", kTcp, 5432), "");
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .members = {ip("10.0.0.1"), ip("10.0.0.2")}}));
  EXPECT_EQ(fixture.ingress("db", "10.0.0.1", kTcp, 5432), "db/r");
  EXPECT_EQ(fixture.ingress("db", "10.0.0.3", kTcp, 5432), "");
  EXPECT_EQ(fixture.ingress("db", "10.0.0.1", 17, 5432), "") << "the rule is for TCP";
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 5432), "") << "members have no rules by that";

  ASSERT_FALSE(fixture.groups.apply({.id = "web", .removed_members = {ip("10.0.0.1")}}));
  EXPECT_EQ(fixture.ingress("db", "10.0.0.1", kTcp, 5432), "");
  EXPECT_EQ(fixture.ingress("db", "10.0.0.2", kTcp, 5432), "db/r");
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .replace = true, .members = {ip("10.0.0.9")}}));
  EXPECT_EQ(fixture.ingress("db", "10.0.0.2", kTcp, 5432), "");
  EXPECT_EQ(fixture.ingress("db", "10.0.0.9", kTcp, 5432), "db/r");
  EXPECT_EQ(fixture.groups.member_occupancy().used, 1U);
  EXPECT_TRUE(fixture.groups.remove("web"));
  EXPECT_EQ(fixture.ingress("db", "10.0.0.9", kTcp, 5432), "");
  EXPECT_EQ(fixture.groups.member_occupancy().used, 0U);
}

TEST(SecurityGroups, AGroupMayNameItself) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "default",
                                     .rules = {from_group("self", "default")},
                                     .members = {ip("10.0.0.1"), ip("2001:db8::1")}}));
  EXPECT_EQ(fixture.ingress("default", "10.0.0.1", kTcp, 1), "default/self");
  EXPECT_EQ(fixture.ingress("default", "10.0.0.2", kTcp, 1), "");
  EXPECT_TRUE(fixture.groups.remove("default"));
  EXPECT_EQ(fixture.groups.find("default"), nullptr);
}

TEST(SecurityGroups, UnionOfAPortsGroups) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "a", .rules = {tcp("http", 80)}}));
  SecurityRuleConfig out{.id = "out"};
  ASSERT_FALSE(fixture.groups.apply({.id = "b", .rules = {tcp("ssh", 22), out}}));
  const PortPolicy policy({&fixture.groups.acquire("a"), &fixture.groups.acquire("unknown"),
                           &fixture.groups.acquire("b")});
  const auto name = [&](RuleNumber rule) {
    return rule == kNoRule ? std::string{} : fixture.rules.name(rule)->rule;
  };
  EXPECT_EQ(name(policy.find_ingress({ip("10.0.0.1"), false, kTcp, 80})), "http");
  EXPECT_EQ(name(policy.find_ingress({ip("10.0.0.1"), false, kTcp, 22})), "ssh");
  EXPECT_EQ(name(policy.find_ingress({ip("10.0.0.1"), false, kTcp, 23})), "");
  EXPECT_EQ(name(policy.find_egress({ip("10.0.0.1"), false, kTcp, 23})), "out");
  EXPECT_EQ(PortPolicy({}).find_egress({ip("10.0.0.1"), false, kTcp, 23}), kNoRule);
}

TEST(SecurityGroups, TellsWhoseConnectionsMayHaveToGo) {
  PolicyFixture fixture;
  auto& groups = fixture.groups;
  const auto calls = [&] { return std::exchange(fixture.narrowed, {}); };
  const IpAddress member = ip("10.0.0.1");
  ASSERT_FALSE(groups.apply({.id = "web", .rules = {tcp("a", 80)}, .members = {member}}));
  ASSERT_FALSE(groups.apply({.id = "db", .rules = {from_group("r", "web")}}));
  ASSERT_FALSE(groups.apply({.id = "cache", .rules = {from_group("r", "web")}}));
  EXPECT_THAT(calls(), IsEmpty()) << "more is allowed, nothing less";
  ASSERT_FALSE(
      groups.apply({.id = "web", .replace = true, .rules = {tcp("a", 80)}, .members = {member}}));
  EXPECT_THAT(calls(), IsEmpty()) << "the same again";
  ASSERT_FALSE(groups.apply({.id = "web", .rules = {tcp("a", 81)}}));
  EXPECT_THAT(calls(), ElementsAre(ElementsAre("web")));
  ASSERT_FALSE(groups.apply({.id = "web", .removed_rules = {"a"}}));
  EXPECT_THAT(calls(), ElementsAre(ElementsAre("web")));
  ASSERT_FALSE(groups.apply({.id = "web", .removed_members = {member}}));
  EXPECT_THAT(calls(), ElementsAre(UnorderedElementsAre("db", "cache")));
  ASSERT_FALSE(groups.apply({.id = "web", .removed_members = {member}}));
  EXPECT_THAT(calls(), IsEmpty()) << "was none";
  ASSERT_FALSE(
      groups.apply({.id = "web", .rules = {from_group("self", "web")}, .members = {member}}));
  EXPECT_TRUE(groups.remove("web"));
  EXPECT_THAT(calls(), ElementsAre(UnorderedElementsAre("web", "db", "cache")));
  EXPECT_TRUE(groups.remove("db"));
  EXPECT_THAT(calls(), ElementsAre(ElementsAre("db")));
}

TEST(SecurityGroups, IsCalledAfterPublication) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {tcp("a", 80)}}));
  std::string seen = "not called";
  fixture.groups.on_narrowed(
      [&](const auto&) { seen = fixture.ingress("web", "10.0.0.1", kTcp, 80); });
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .removed_rules = {"a"}}));
  EXPECT_EQ(seen, "");
}

TEST(SecurityGroups, HitsStayWithARuleThatChanges) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {tcp("a", 80), tcp("b", 81)}}));
  const auto number = [&](const char* id) {
    return fixture.groups.find("web")->rules().at(id).number;
  };
  fixture.rules.count_hit(0, number("a"));
  fixture.rules.count_hit(0, number("a"));
  ASSERT_FALSE(fixture.groups.apply({.id = "web", .rules = {tcp("a", 8080)}}));
  EXPECT_EQ(fixture.rules.hits(number("a")), 2U);
  EXPECT_EQ(fixture.rules.hits(number("b")), 0U);
}

TEST(SecurityGroups, ARefusedChangeLeavesEverythingAsItWas) {
  PolicyFixture fixture(4, {.groups = 2, .members = 2});
  auto& groups = fixture.groups;
  const std::vector<SecurityRuleConfig> three{tcp("a", 80), tcp("b", 81), tcp("c", 82)};
  ASSERT_FALSE(groups.apply({.id = "web", .rules = three, .members = {ip("10.0.0.1")}}));

  struct Case {
    std::string name;
    SecurityGroupChange change;
    ObjectErrorCode code;
    std::string field;
  };
  std::vector<SecurityRuleConfig> many_groups;
  for (int i = 0; i < 65; ++i) {
    many_groups.push_back(from_group("r" + std::to_string(i), "g" + std::to_string(i)));
  }
  SecurityRuleConfig bad = tcp("bad", 5);
  bad.port_max = 4;
  const auto kInvalid = ObjectErrorCode::kInvalid;
  const auto kFull = ObjectErrorCode::kTableFull;
  const std::vector<Case> cases{
      {"no id", {.id = ""}, kInvalid, "id"},
      {"a long id", {.id = std::string(256, 'x')}, kInvalid, "id"},
      {"a bad rule behind a good one",
       {.id = "web", .rules = {tcp("a", 90), bad}},
       kInvalid,
       "rules[1].port_min"},
      {"no address", {.id = "web", .members = {ip("10.0.0.9"), {}}}, kInvalid, "members[1]"},
      {"too many remote groups", {.id = "web", .rules = many_groups}, kInvalid, "rules"},
      {"too many rules",
       {.id = "web", .rules = {tcp("a", 90), tcp("d", 83), tcp("e", 84)}},
       kFull,
       ""},
      {"too many members",
       {.id = "web", .rules = {tcp("a", 90)}, .members = {ip("10.0.0.2"), ip("10.0.0.3")}},
       kFull,
       ""},
  };
  for (const auto& [name, change, code, field] : cases) {
    const auto error = groups.apply(change);
    ASSERT_TRUE(error) << name;
    EXPECT_EQ(error->code, code) << name;
    EXPECT_EQ(error->field, field) << name;
    EXPECT_FALSE(error->message.empty()) << name;
    EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "web/a") << name;
    EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 90), "") << name;
    EXPECT_EQ(groups.find("web")->rules().size(), 3U) << name;
    EXPECT_EQ(groups.find("web")->member_count(), 1U) << name;
    EXPECT_EQ(fixture.rules.occupancy().used, 3U) << name;
  }
  // Room is counted after what goes.
  EXPECT_FALSE(groups.apply({.id = "web",
                             .replace = true,
                             .rules = {tcp("d", 83), tcp("e", 84), tcp("f", 85), tcp("g", 86)},
                             .members = {ip("10.0.0.2"), ip("10.0.0.3")}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 86), "web/g");
  EXPECT_FALSE(groups.apply({.id = "second"}));
  EXPECT_TRUE(groups.apply({.id = "third"}));
  EXPECT_EQ(groups.group_occupancy().full_events, 1U);
}

TEST(SecurityGroups, OfEqualIdsInOneChangeTheLastCounts) {
  PolicyFixture fixture;
  ASSERT_FALSE(fixture.groups.apply({.id = "web",
                                     .rules = {tcp("a", 80), tcp("a", 81)},
                                     .members = {ip("10.0.0.1"), ip("10.0.0.1")},
                                     .removed_members = {ip("10.0.0.1"), ip("10.0.0.1")}}));
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 80), "");
  EXPECT_EQ(fixture.ingress("web", "10.0.0.1", kTcp, 81), "web/a");
  EXPECT_EQ(fixture.rules.occupancy().used, 1U);
  EXPECT_EQ(fixture.groups.find("web")->member_count(), 1U);
}

TEST(SecurityGroups, NothingIsFreedBeforeItsGracePeriodAndAllAfterwards) {
  PolicyFixture fixture;
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(
        fixture.groups.apply({.id = "web",
                              .replace = true,
                              .rules = {from_group("r", "g" + std::to_string(i))},
                              .members = {Ipv4Address{static_cast<std::uint32_t>(i + 1)}}}));
  }
  EXPECT_GE(fixture.grace.waiting(), 99U);
  fixture.grace.pass();
  EXPECT_EQ(fixture.groups.find("g0"), nullptr) << "nothing names it any more";
  EXPECT_NE(fixture.groups.find("g99"), nullptr);
  EXPECT_EQ(fixture.rules.occupancy().used, 1U);
}

}  // namespace
}  // namespace alkaid
