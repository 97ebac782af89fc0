// Routers' rules as routes of their subnets.
#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kHopMac = "02:00:00:00:01:09";

schema::NeighborState hop(const std::string& ip = "10.0.1.9") {
  return neighbor("hop", "green", ip, kHopMac, "172.16.0.2");
}

// Green and red on a router; 10.0.1.9 is a neighbor in green.
struct RoutedHost : Host {
  explicit RoutedHost(FakeDataplane& tables) : Host(tables) {
    push(green());
    push(red());
    push(router());
    push(hop());
  }
};

TEST(RoutingRules, BecomeRoutesOfTheSubnetsOwnTable) {
  FakeDataplane tables;
  RoutedHost host{tables};
  EXPECT_EQ(tables.segments.at(101).route_table(), 0U) << "no rules, no table";
  EXPECT_THAT(host.push(router_with({rule("r", "192.168.0.0/16", "10.0.1.9")})),
              ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.9");
  EXPECT_EQ(tables.segments.at(101).route_table(), 101U);
  EXPECT_EQ(tables.segments.at(101).router(), router_key("router"));
  EXPECT_EQ(tables.segments.at(102).route_table(), 0U);
  EXPECT_EQ(tables.routes.size(), 3U);
}

TEST(RoutingRules, TakeBothDefaultRoutesAndBlackholes) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(router_with({rule("a", "0.0.0.0/0", "10.0.1.9"), rule("b", "::/0", "fd00::9"),
                         rule("c", "10.9.0.0/16", ""), rule("d", "10.8.0.0/16", "0.0.0.0")}));
  EXPECT_EQ(tables.route(101, "0.0.0.0/0"), "via 10.0.1.9");
  EXPECT_EQ(tables.route(101, "::/0"), "via fd00::9");
  EXPECT_EQ(tables.route(101, "10.9.0.0/16"), "blackhole");
  EXPECT_EQ(tables.route(101, "10.8.0.0/16"), "blackhole");
}

TEST(RoutingRules, AnyOrderEndsTheSame) {
  std::vector<schema::GoalState> messages(7);
  *messages[0].add_subnet_states() = green();
  *messages[1].add_subnet_states() = red();
  *messages[2].add_router_states() = router_with({rule("1", "192.168.0.0/16", "10.0.1.9", 7)});
  *messages[3].add_router_states() =
      router_with({rule("2", "192.168.0.0/16", "10.0.1.8", 8), rule("3", "0.0.0.0/0", ""),
                   gateway_rule("4", "8.8.0.0/16", schema::INTERNET)});
  *messages[4].add_neighbor_states() = hop();
  *messages[5].add_vpc_states() = vpc_with_gateways({"gw"});
  *messages[6].add_gateway_states() = gateway("gw", schema::IGW, "172.16.0.9");

  FakeDataplane expected;
  {
    Host host{expected};
    for (const auto& message : messages) {
      host.push(message);
    }
  }
  ASSERT_EQ(expected.route(101, "192.168.0.0/16"), "via 10.0.1.9");
  ASSERT_EQ(expected.route(101, "0.0.0.0/0"), "blackhole");
  ASSERT_EQ(expected.route(101, "8.8.0.0/16"), "remote 172.16.0.9 vni 101 mac 02:00:00:00:0f:01");

  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    FakeDataplane tables;
    Host host{tables};
    for (const std::size_t index : order) {
      host.push(messages[index]);
    }
    ASSERT_EQ(tables.dump(), expected.dump()) << "order " << ::testing::PrintToString(order);
    ASSERT_TRUE(host.report().in_sync());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(RoutingRules, LowestPriorityNumberWinsThenTheSmallestId) {
  FakeDataplane tables;
  RoutedHost host{tables};
  const auto far = rule("a", "192.168.0.0/16", "10.0.1.5", 20);
  const auto near = rule("z", "192.168.0.0/16", "10.0.1.6", 10);
  const auto near_too = rule("y", "192.168.0.0/16", "10.0.1.7", 10);
  host.push(router_with({far}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.5");
  host.push(router_with({near}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.6");
  host.push(router_with({near_too}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.7");
  // Each winner that goes lets the next one in.
  host.push(router_with({without(near_too)}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.6");
  host.push(router_with({without(near)}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.5");
  host.push(router_with({without(far)}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "");
  EXPECT_EQ(tables.segments.at(101).route_table(), 0U);
}

TEST(RoutingRules, DeltaChangesSingleRulesFullReplaces) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(
      router_with({rule("1", "192.168.1.0/24", "10.0.1.9"), rule("2", "192.168.2.0/24", "10.0.1.9"),
                   rule("3", "192.168.3.0/24", "10.0.1.9")}));
  ASSERT_EQ(tables.routes.size(), 5U);
  // A rule that names another destination leaves its former one.
  host.push(router_with({rule("2", "192.168.22.0/24", "10.0.1.9"),
                         without(rule("3", "192.168.3.0/24", "10.0.1.9"))}));
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "via 10.0.1.9");
  EXPECT_EQ(tables.route(101, "192.168.2.0/24"), "");
  EXPECT_EQ(tables.route(101, "192.168.22.0/24"), "via 10.0.1.9");
  EXPECT_EQ(tables.route(101, "192.168.3.0/24"), "");
  // A delta without rules changes none.
  host.push(router());
  EXPECT_EQ(tables.routes.size(), 4U);
  host.push(router_with({rule("9", "192.168.9.0/24", "10.0.1.9")}, schema::FULL));
  EXPECT_EQ(tables.route(101, "192.168.9.0/24"), "via 10.0.1.9");
  EXPECT_EQ(tables.routes.size(), 3U);
  host.push(router("router", schema::FULL));
  EXPECT_EQ(tables.routes.size(), 2U);
}

TEST(RoutingRules, FullMayNameASubnetTwice) {
  FakeDataplane tables;
  RoutedHost host{tables};
  auto twice = router_with({rule("1", "192.168.1.0/24", "10.0.1.9")}, schema::FULL);
  auto& table = *twice.mutable_configuration()->add_subnet_routing_tables();
  table.set_subnet_id("green");
  *table.add_routing_rules() = rule("2", "192.168.2.0/24", "10.0.1.9");
  host.push(twice);
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "via 10.0.1.9");
  EXPECT_EQ(tables.route(101, "192.168.2.0/24"), "via 10.0.1.9");
}

TEST(RoutingRules, ARuleCostsOneWriteWhateverElseThereIs) {
  FakeDataplane tables;
  RoutedHost host{tables};
  std::vector<RoutingRule> many;
  for (int i = 0; i < 5000; ++i) {
    many.push_back(
        rule(fmt::format("r{}", i), fmt::format("172.{}.{}.0/24", i / 256, i % 256), "10.0.1.9"));
  }
  host.push(router_with(many));
  const auto before = tables.operations;
  host.push(router_with({rule("one", "192.168.0.0/16", "10.0.1.9")}));
  EXPECT_EQ(tables.operations - before, 1U);
  host.push(router_with({rule("one", "192.168.0.0/16", "10.0.1.9")}));
  EXPECT_EQ(tables.operations - before, 1U);
  host.push(router_with({without(rule("one", "", ""))}));
  EXPECT_EQ(tables.operations - before, 2U);
}

TEST(RoutingRules, GoWithTheirSubnetAndRouter) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(router_with({rule("1", "192.168.1.0/24", "10.0.1.9")}));
  // Another VNI: the table moves.
  host.push(subnet("green", "10.0.1", 201));
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "");
  EXPECT_EQ(tables.route(201, "192.168.1.0/24"), "via 10.0.1.9");
  auto gone = router();
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_TRUE(tables.routes.empty());
  EXPECT_EQ(tables.segments.at(201).route_table(), 0U);
  host.push(router_with({rule("1", "192.168.1.0/24", "10.0.1.9")}));
  EXPECT_EQ(tables.route(201, "192.168.1.0/24"), "via 10.0.1.9");
  auto no_green = subnet("green", "10.0.1", 201);
  no_green.set_operation_type(schema::DELETE);
  host.push(hop("10.0.1.9"));
  host.push(neighbor("hop", "green", "10.0.1.9", kHopMac, "172.16.0.2", schema::DELETE));
  host.push(no_green);
  EXPECT_EQ(tables.route(201, "192.168.1.0/24"), "");
}

TEST(RoutingRules, SubnetsThatShareAVniShareATable) {
  FakeDataplane tables;
  Host host{tables};
  auto v6 = green();
  v6.mutable_configuration()->set_id("green-v6");
  v6.mutable_configuration()->set_cidr("fd00:1::/64");
  v6.mutable_configuration()->clear_gateway();
  host.push(green());
  host.push(v6);
  host.push(red());
  auto both = router_with({rule("1", "192.168.1.0/24", "10.0.1.9")});
  auto& table = *both.mutable_configuration()->add_subnet_routing_tables();
  table.set_subnet_id("green-v6");
  *table.add_routing_rules() = rule("2", "fd00:9::/64", "fd00:1::9");
  *table.add_routing_rules() = rule("0", "192.168.1.0/24", "10.0.1.5");
  host.push(both);
  EXPECT_EQ(tables.route(101, "fd00:9::/64"), "via fd00:1::9");
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "via 10.0.1.5") << "the smallest rule id of both";
}

// ------------------------------------------------------------ what a rule waits for

TEST(RoutingRules, ArePendingUntilTheNextHopIsKnown) {
  FakeDataplane tables;
  Host host{tables};
  const auto wanted = router_with({rule("r", "192.168.0.0/16", "10.0.1.9")});
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kPending));
  EXPECT_TRUE(tables.routes.empty());
  host.push(red());
  host.push(green());
  // The route stands; packets would find no next hop yet.
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.9");
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kPending));
  ASSERT_EQ(host.report().pending_size(), 1);
  EXPECT_EQ(host.report().pending(0).field(), "next_hop_ip");
  EXPECT_EQ(host.report().pending(0).value(), "10.0.1.9");
  const auto calls = tables.apply_calls;
  host.push(hop());
  EXPECT_EQ(tables.apply_calls, calls + 1) << "the neighbor alone is written";
  EXPECT_EQ(host.report().pending_size(), 0);
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kSuccess));
}

TEST(RoutingRules, NextHopMayBeAPortOfThisHost) {
  FakeDataplane tables;
  RoutedHost host{tables};
  const auto wanted = router_with({rule("r", "192.168.0.0/16", "10.0.2.77")});
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kPending));
  host.push(port("appliance", "red", "10.0.2.77", "02:00:00:00:02:77"));
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kSuccess));
}

TEST(RoutingRules, NextHopInNoSubnetOfTheRouterIsPending) {
  FakeDataplane tables;
  RoutedHost host{tables};
  EXPECT_THAT(host.push(router_with({rule("r", "192.168.0.0/16", "10.77.0.1")})),
              ElementsAre(Status::kPending));
  ASSERT_EQ(host.report().pending_size(), 1);
  EXPECT_THAT(host.report().pending(0).message(), HasSubstr("no subnet that the router joins"));
}

TEST(RoutingRules, MalformedOnesAreRefused) {
  FakeDataplane tables;
  RoutedHost host{tables};
  auto odd = gateway_rule("r", "10.0.0.0/8", static_cast<schema::DestinationType>(7));
  for (const auto& bad : {rule("", "10.0.0.0/8", "10.0.1.9"), rule("r", "10.0.0.0/33", "10.0.1.9"),
                          rule("r", "", "10.0.1.9"), rule("r", "10.0.0.0/8", "fd00::1"),
                          rule("r", "10.0.0.0/8", "224.0.0.1"), odd}) {
    EXPECT_THAT(host.push(router_with({bad})), ElementsAre(Status::kInvalidArgument))
        << bad.ShortDebugString();
  }
  EXPECT_EQ(tables.routes.size(), 2U);
}

// ------------------------------------------------------------ gateways

TEST(RoutingRules, GatewayIsTheVpcs) {
  FakeDataplane tables;
  RoutedHost host{tables};
  const auto wanted = router_with({gateway_rule("r", "8.8.8.0/24", schema::VPC_GW)});
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kPending));
  EXPECT_EQ(host.report().pending(0).field(), "vpc_id");
  host.push(vpc_with_gateways({"gw"}));
  EXPECT_EQ(host.report().pending(0).field(), "gateway_ids");
  EXPECT_EQ(tables.route(101, "8.8.8.0/24"), "");
  host.push(gateway("gw", schema::TGW, "172.16.0.9"));
  EXPECT_EQ(tables.route(101, "8.8.8.0/24"), "remote 172.16.0.9 vni 101 mac 02:00:00:00:0f:01");
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kSuccess));
  // It moves, the VPC gets a VNI, another VPC state says nothing of gateways.
  host.push(gateway("gw", schema::TGW, "172.16.0.10", "02:00:00:00:0f:02"));
  EXPECT_EQ(tables.route(101, "8.8.8.0/24"), "remote 172.16.0.10 vni 101 mac 02:00:00:00:0f:02");
  host.push(vpc(999));
  EXPECT_EQ(tables.route(101, "8.8.8.0/24"), "remote 172.16.0.10 vni 999 mac 02:00:00:00:0f:02");
  auto gone = gateway("gw", schema::TGW, "172.16.0.10");
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_EQ(tables.route(101, "8.8.8.0/24"), "");
  EXPECT_THAT(host.push(wanted), ElementsAre(Status::kPending));
}

TEST(RoutingRules, GatewayOfTheKindThatTheDestinationAsksFor) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(gateway("zeta", schema::ZETA, "172.16.0.5"));
  host.push(gateway("igw", schema::IGW, "172.16.0.6"));
  host.push(gateway("tgw", schema::TGW, "172.16.0.7"));
  host.push(vpc_with_gateways({"zeta", "igw", "tgw"}));
  host.push(router_with({gateway_rule("1", "8.8.8.0/24", schema::INTERNET),
                         gateway_rule("2", "10.200.0.0/16", schema::VPC_GW)}));
  EXPECT_THAT(tables.route(101, "8.8.8.0/24"), HasSubstr("172.16.0.6"));
  EXPECT_THAT(tables.route(101, "10.200.0.0/16"), HasSubstr("172.16.0.7"));
  // FULL says all: without the others the remaining one serves both.
  auto only = vpc_with_gateways({"zeta"});
  only.mutable_configuration()->set_update_type(schema::FULL);
  host.push(only);
  EXPECT_THAT(tables.route(101, "8.8.8.0/24"), HasSubstr("172.16.0.5"));
  EXPECT_THAT(tables.route(101, "10.200.0.0/16"), HasSubstr("172.16.0.5"));
}

TEST(RoutingRules, NextHopMacChoosesTheGatewaysDestination) {
  FakeDataplane tables;
  RoutedHost host{tables};
  auto two = gateway("gw", schema::TGW, "172.16.0.5", "02:00:00:00:0f:05");
  auto& second = *two.mutable_configuration()->add_destinations();
  second.set_ip_address("172.16.0.6");
  second.set_mac_address("02:00:00:00:0f:06");
  host.push(two);
  host.push(vpc_with_gateways({"gw"}));
  auto by_address = gateway_rule("3", "10.203.0.0/16", schema::VPC_GW);
  by_address.set_next_hop_ip("172.16.0.6");
  host.push(router_with({gateway_rule("1", "10.201.0.0/16", schema::VPC_GW, "02:00:00:00:0f:06"),
                         gateway_rule("2", "10.202.0.0/16", schema::VPC_GW, "02:00:00:00:0f:99"),
                         by_address}));
  EXPECT_EQ(tables.route(101, "10.201.0.0/16"), "remote 172.16.0.6 vni 101 mac 02:00:00:00:0f:06");
  EXPECT_EQ(tables.route(101, "10.202.0.0/16"), "remote 172.16.0.5 vni 101 mac 02:00:00:00:0f:99");
  EXPECT_EQ(tables.route(101, "10.203.0.0/16"), "remote 172.16.0.6 vni 101 mac 02:00:00:00:0f:06");
}

TEST(RoutingRules, OneThatWaitsForItsGatewayLeavesTheOthersTheirPlace) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(router_with({gateway_rule("1", "192.168.0.0/16", schema::VPC_GW),
                         rule("2", "192.168.0.0/16", "10.0.1.9", 5)}));
  EXPECT_EQ(tables.route(101, "192.168.0.0/16"), "via 10.0.1.9");
  host.push(gateway("gw", schema::TGW, "172.16.0.9"));
  host.push(vpc_with_gateways({"gw"}));
  EXPECT_THAT(tables.route(101, "192.168.0.0/16"), HasSubstr("remote"));
}

TEST(RoutingRules, ArionGatewayHasAVniOfItsOwn) {
  FakeDataplane tables;
  RoutedHost host{tables};
  auto arion = gateway("gw", schema::ARION, "172.16.0.9");
  arion.mutable_configuration()->mutable_arion_info()->set_vni(4242);
  host.push(arion);
  host.push(vpc_with_gateways({"gw"}, 999));
  host.push(router_with({gateway_rule("1", "0.0.0.0/0", schema::INTERNET)}));
  EXPECT_THAT(tables.route(101, "0.0.0.0/0"), HasSubstr("vni 4242"));
}

TEST(RoutingRules, GatewayThatTheVtepsCannotReachIsNotUsed) {
  FakeDataplane tables;
  RoutedHost host{tables};
  host.push(gateway("gw", schema::TGW, "fd00::9"));
  host.push(vpc_with_gateways({"gw"}));
  EXPECT_THAT(host.push(router_with({gateway_rule("1", "8.8.8.0/24", schema::VPC_GW)})),
              ElementsAre(Status::kPending));
}

// ------------------------------------------------------------ restarts

std::vector<schema::GoalState> routed_network() {
  std::vector<schema::GoalState> messages(6);
  *messages[0].add_subnet_states() = green();
  *messages[1].add_subnet_states() = red();
  *messages[2].add_router_states() =
      router_with({rule("1", "192.168.1.0/24", "10.0.1.9"),
                   gateway_rule("2", "8.8.8.0/24", schema::INTERNET), rule("3", "0.0.0.0/0", "")});
  *messages[3].add_neighbor_states() = hop();
  *messages[4].add_vpc_states() = vpc_with_gateways({"gw"});
  *messages[5].add_gateway_states() = gateway("gw", schema::IGW, "172.16.0.9");
  return messages;
}

void push_all(Host& host) {
  for (const auto& message : routed_network()) {
    host.push(message);
  }
}

TEST(RoutingRules, RestartedAgentWritesNothingInAnyOrder) {
  for (const auto update : {schema::DELTA, schema::FULL}) {
    auto messages = routed_network();
    messages[2].mutable_router_states(0)->mutable_configuration()->set_update_type(update);
    FakeDataplane tables;
    {
      Host host{tables};
      push_all(host);
    }
    const auto calls = tables.apply_calls;
    std::vector<std::size_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    do {
      Host restarted{tables};
      for (const std::size_t index : order) {
        restarted.push(messages[index]);
      }
      ASSERT_EQ(tables.apply_calls, calls) << "order " << ::testing::PrintToString(order);
      ASSERT_EQ(restarted.report().unclaimed_objects(), 0U)
          << "order " << ::testing::PrintToString(order);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(RoutingRules, RestartedAgentLeavesRulesThatNobodyNames) {
  FakeDataplane tables;
  {
    Host host{tables};
    push_all(host);
  }
  const std::string before = tables.dump();
  Host restarted{tables};
  restarted.push(router());
  restarted.push(green());
  restarted.push(red());
  EXPECT_EQ(tables.dump(), before);
  restarted.push(router_with({rule("4", "192.168.4.0/24", "10.0.1.9")}));
  EXPECT_EQ(tables.routes.size(), 6U);
  // A rule that goes is found by its destination.
  EXPECT_THAT(restarted.push(router_with({without(rule("1", "", ""))})),
              ElementsAre(Status::kPending));
  EXPECT_EQ(tables.routes.size(), 6U);
  EXPECT_THAT(restarted.push(router_with({without(rule("1", "192.168.1.0/24", ""))})),
              ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.routes.size(), 5U);
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "");
  // FULL says all of it.
  restarted.push(router_with({rule("4", "192.168.4.0/24", "10.0.1.9")}, schema::FULL));
  EXPECT_EQ(tables.routes.size(), 3U);
  EXPECT_EQ(restarted.report().unclaimed_objects(), 1U) << "the neighbor";
}

TEST(RoutingRules, RuleDeletedBeforeItsSubnetIsKnownGoesWithIt) {
  FakeDataplane tables;
  {
    Host host{tables};
    push_all(host);
  }
  Host restarted{tables};
  restarted.push(router_with({without(rule("1", "192.168.1.0/24", ""))}));
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "via 10.0.1.9");
  restarted.push(green());
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "");
  EXPECT_EQ(tables.route(101, "0.0.0.0/0"), "blackhole");
}

TEST(RoutingRules, DeletesThatOnlyTheDataplaneKnowsTakeTheRulesToo) {
  FakeDataplane tables;
  {
    Host host{tables};
    push_all(host);
  }
  FakeDataplane copy = tables;
  auto no_router = router();
  no_router.set_operation_type(schema::DELETE);
  Host restarted{tables};
  restarted.push(no_router);
  EXPECT_TRUE(tables.routes.empty());

  Host other{copy};
  auto no_green = green();
  no_green.set_operation_type(schema::DELETE);
  other.push(no_green);
  EXPECT_EQ(copy.route(101, "192.168.1.0/24"), "");
  EXPECT_EQ(copy.routes.size(), 2U) << "the router's own routes";
}

TEST(RoutingRules, EmptyDataplaneIsReplayed) {
  FakeDataplane tables;
  Host host{tables};
  push_all(host);
  const std::string before = tables.dump();
  host.reconciler.connection_lost("the test says so");
  host.push(router_with({without(rule("1", "", ""))}));
  FakeDataplane empty;
  empty.instance = 2;
  tables = empty;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.route(101, "192.168.1.0/24"), "");
  host.push(router_with({rule("1", "192.168.1.0/24", "10.0.1.9")}));
  EXPECT_EQ(tables.dump(), before);
}

}  // namespace
}  // namespace alkaid::agent::test
