// What the agent does when it or the data plane comes back.
#include <algorithm>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(Restart, RestartedAgentWritesNothing) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const std::string before = tables.dump();
  const auto calls = tables.apply_calls;

  Host restarted{tables};
  EXPECT_EQ(restarted.report().unclaimed_objects(), 8U);
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_THAT(restarted.push(whole_network()), Each(Status::kSuccess));
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_EQ(tables.dump(), before);
  EXPECT_EQ(restarted.report().unclaimed_objects(), 0U);
}

TEST(Restart, RestartedAgentWritesNothingInAnyOrder) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const auto calls = tables.apply_calls;
  const auto messages = single_messages();
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    Host restarted{tables};
    for (const std::size_t index : order) {
      restarted.push(messages[index]);
    }
    ASSERT_EQ(tables.apply_calls, calls) << "order " << ::testing::PrintToString(order);
    ASSERT_EQ(restarted.report().unclaimed_objects(), 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Restart, EmptyDataplaneIsReplayed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  const std::string before = tables.dump();
  host.reconciler.connection_lost("the test says so");
  FakeDataplane empty;
  empty.instance = 2;
  tables = empty;
  EXPECT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.dump(), before);
  EXPECT_TRUE(host.report().in_sync());
}

TEST(Restart, StateWithoutDataplaneIsPendingThenProgrammed) {
  FakeDataplane tables;
  Host host{tables, false};
  const auto statuses = host.push(whole_network());
  // The VPC needs nothing in the data plane.
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kPending), 7);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kSuccess), 1);
  EXPECT_FALSE(host.report().in_sync());
  EXPECT_EQ(tables.apply_calls, 0U);

  host.client.available = true;
  EXPECT_TRUE(host.reconciler.connect());
  FakeDataplane expected;
  Host{expected}.push(whole_network());
  EXPECT_EQ(tables.dump(), expected.dump());
}

TEST(Restart, DeletesWithoutDataplaneAreNotForgotten) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  host.client.available = false;
  host.reconciler.connection_lost("the test says so");
  EXPECT_THAT(
      host.push(port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE)),
      ElementsAre(Status::kPending));
  host.push(neighbor("far-red", "red", "10.0.2.12", "", "", schema::DELETE));
  host.client.available = true;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_FALSE(tables.ports.contains("port-green"));
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
  EXPECT_EQ(host.report().unclaimed_objects(), 0U);
}

TEST(Restart, LossWithinAWriteIsRepaired) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  host.client.applies_until_loss = 0;
  EXPECT_THAT(host.push(neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "172.16.0.2",
                                 schema::DELETE)),
              ElementsAre(Status::kPending));
  EXPECT_FALSE(host.reconciler.connected());
  host.client.available = true;
  host.client.applies_until_loss = -1;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
}

TEST(Restart, RestartedAgentDeletesWhatOnlyTheDataplaneKnows) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables};
  // No subnet has been named yet: the rows themselves say where the address lives.
  EXPECT_THAT(restarted.push(
                  neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE)),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_THAT(restarted.push(neighbor("far-green", "", "10.0.1.12", "", "", schema::DELETE, 101)),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.has_neighbor(101, "10.0.1.12"));
  restarted.push(port("port-green", "green", "10.0.1.11", "", schema::DELETE));
  EXPECT_TRUE(tables.ports.empty());
  schema::GoalState message;
  *message.add_dhcp_states() = dhcp("green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE);
  restarted.push(message);
  EXPECT_TRUE(tables.bindings.empty());
  // The rest is untouched.
  EXPECT_EQ(tables.segments.size(), 2U);
  EXPECT_EQ(tables.routes.size(), 2U);
}

TEST(Restart, RestartedAgentDeletesOnlyWhatIsNamedInFull) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const std::string before = tables.dump();
  Host restarted{tables};
  EXPECT_THAT(restarted.push(neighbor("n", "other", "10.0.2.12", "", "", schema::DELETE)),
              ElementsAre(Status::kPending));
  EXPECT_THAT(
      restarted.push(neighbor("n", "other", "10.0.2.12", "02:00:00:00:09:09", "", schema::DELETE)),
      ElementsAre(Status::kSuccess));
  for (const char* ip : {"", "10.0.7.7"}) {
    schema::GoalState message;
    *message.add_dhcp_states() = dhcp("other", ip, "02:00:00:00:01:11", schema::DELETE);
    EXPECT_THAT(restarted.push(message),
                ElementsAre(*ip == '\0' ? Status::kPending : Status::kSuccess));
  }
  EXPECT_EQ(tables.dump(), before);
}

TEST(Restart, TooManyDeletesThatWaitAreRefused) {
  FakeDataplane tables;
  Host host{tables, false};
  schema::GoalState message;
  for (int i = 0; i <= 65536; ++i) {
    *message.add_neighbor_states() =
        neighbor("n", "other", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE);
  }
  const auto statuses = host.push(message);
  EXPECT_EQ(statuses.front(), Status::kPending);
  EXPECT_EQ(statuses.back(), Status::kInvalidArgument);
}

TEST(Restart, RestartedAgentTakesRouterChangesForWhatTheyAre) {
  for (const auto update : {schema::DELTA, schema::FULL}) {
    FakeDataplane tables;
    Host{tables}.push(whole_network());
    const std::string before = tables.dump();
    Host restarted{tables};
    auto only_green = router("router", update);
    only_green.mutable_configuration()->mutable_subnet_routing_tables()->DeleteSubrange(1, 1);
    restarted.push(only_green);
    EXPECT_EQ(tables.dump(), before) << "its subnets are not known yet";
    restarted.push(red());
    restarted.push(green());
    if (update == schema::DELTA) {
      EXPECT_EQ(tables.dump(), before);
      restarted.reconciler.connection_lost("the test says so");
      ASSERT_TRUE(restarted.reconciler.connect());
      EXPECT_EQ(tables.dump(), before);
    } else {
      EXPECT_EQ(tables.segments.at(101).router(), router_key("router"));
      EXPECT_EQ(tables.segments.at(102).router(), 0U);
      EXPECT_EQ(tables.routes.size(), 1U);
    }
  }
}

TEST(Restart, RouterDeletedWithoutDataplaneGoesAtConnect) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables, false};
  restarted.push(green());
  auto gone = router();
  gone.set_operation_type(schema::DELETE);
  EXPECT_THAT(restarted.push(gone), ElementsAre(Status::kPending));
  restarted.client.available = true;
  ASSERT_TRUE(restarted.reconciler.connect());
  EXPECT_TRUE(tables.routes.empty());
  EXPECT_EQ(tables.segments.at(101).router(), 0U);
}

TEST(Restart, DeletesOfUnknownSubnetsWaitForTheDataplane) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables, false};
  EXPECT_THAT(restarted.push(
                  neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE)),
              ElementsAre(Status::kPending));
  restarted.client.available = true;
  ASSERT_TRUE(restarted.reconciler.connect());
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
}

TEST(Restart, DeletingARouterThatOnlyTheDataplaneKnowsTakesItsRoutes) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables};
  restarted.push(green());
  EXPECT_EQ(tables.segments.at(101).router(), router_key("router"));
  auto gone = router();
  gone.set_operation_type(schema::DELETE);
  restarted.push(gone);
  EXPECT_TRUE(tables.routes.empty());
  EXPECT_EQ(tables.segments.at(101).router(), 0U);
}

}  // namespace
}  // namespace alkaid::agent::test
