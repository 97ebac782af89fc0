// show goal-state: what is remembered.
#include "control/agent/server/goal_state_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;

TEST(GoalStateReport, HoldsWhatWasPushed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  host.push(vpc_with_gateways({"gw"}, 999));
  host.push(gateway("gw", schema::IGW, "172.16.0.9"));
  host.push(
      router_with({rule("a", "192.168.0.0/16", "10.0.1.9", 5), rule("b", "192.168.0.0/16", ""),
                   gateway_rule("c", "0.0.0.0/0", schema::INTERNET)}));
  schema::SecurityGroupState group;
  group.mutable_configuration()->set_id("web");
  group.mutable_configuration()->add_security_group_rules()->set_id("r");
  host.push(group);

  const auto all = report_goal_state(host.reconciler.wanted(), {});
  ASSERT_EQ(all.vpcs_size(), 1);
  EXPECT_EQ(all.vpcs(0).vni(), 999U);
  EXPECT_EQ(all.vpcs(0).cidr(), "10.0.0.0/16");
  EXPECT_THAT(all.vpcs(0).gateway_ids(), ElementsAre("gw"));
  EXPECT_THAT(all.vpcs(0).subnet_ids(), ElementsAre("green", "red"));
  ASSERT_EQ(all.subnets_size(), 2);
  EXPECT_EQ(all.subnets(0).ports(), 1U);
  EXPECT_EQ(all.subnets(0).neighbors(), 1U);
  EXPECT_THAT(all.subnets(0).router_ids(), ElementsAre("router"));
  ASSERT_EQ(all.routers_size(), 1);
  EXPECT_EQ(all.routers(0).rules(), 3U);
  ASSERT_EQ(all.routing_rules_size(), 3);
  EXPECT_EQ(all.routing_rules(0).target(), "via 10.0.1.9");
  EXPECT_EQ(all.routing_rules(0).state(), "another rule wins");
  EXPECT_EQ(all.routing_rules(1).state(), "in effect");
  EXPECT_EQ(all.routing_rules(2).target(), "internet gateway");
  EXPECT_EQ(all.routing_rules(2).state(), "in effect");
  ASSERT_EQ(all.gateways_size(), 1);
  EXPECT_EQ(all.gateways(0).type(), "IGW");
  EXPECT_THAT(all.gateways(0).destinations(), ElementsAre("172.16.0.9 02:00:00:00:0f:01"));
  EXPECT_EQ(all.security_groups_size(), 1);
  EXPECT_EQ(all.security_rules_size(), 1);

  v1::GetGoalStateRequest request;
  request.set_type("GATEWAY");
  const auto gateways = report_goal_state(host.reconciler.wanted(), request);
  EXPECT_EQ(gateways.gateways_size(), 1);
  EXPECT_EQ(gateways.vpcs_size() + gateways.subnets_size() + gateways.routing_rules_size(), 0);
}

TEST(GoalStateReport, IsBounded) {
  FakeDataplane tables;
  Host host{tables, false};
  schema::SecurityGroupState group;
  group.mutable_configuration()->set_id("web");
  for (int i = 0; i < 60000; ++i) {
    group.mutable_configuration()->add_security_group_rules()->set_id(std::to_string(i));
  }
  host.push(group);
  const auto all = report_goal_state(host.reconciler.wanted(), {});
  EXPECT_EQ(all.security_rules_size(), 49999);
  EXPECT_EQ(all.left_out(), 10001U);
}

}  // namespace
}  // namespace alkaid::agent::test
