// What has no room in the data plane waits, is shown, and comes in when there is room.
#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

schema::GoalState many_neighbors(int count) {
  schema::GoalState message;
  *message.add_subnet_states() = green();
  message.mutable_subnet_states(0)->mutable_configuration()->set_cidr("10.0.0.0/8");
  for (int i = 0; i < count; ++i) {
    *message.add_neighbor_states() = neighbor(
        fmt::format("n{}", i), "green",
        Ipv4Address{0x0a000100U + static_cast<std::uint32_t>(i)}.to_string(),
        MacAddress::from_number(0x020000000000ULL + static_cast<std::uint64_t>(i)).to_string(),
        "172.16.0.2");
  }
  return message;
}

// As the agent's thread does when something asks for it.
int retries_until_quiet(Host& host) {
  int rounds = 0;
  while (host.reconciler.wants_retry() && rounds < 1000) {
    host.reconciler.retry();
    ++rounds;
  }
  return rounds;
}

TEST(TableFull, IsPendingAndRetriedAfterDeletes) {
  FakeDataplane tables;
  tables.most_neighbors = 1;
  Host host{tables};
  host.push(green());
  const auto second = neighbor("b", "green", "10.0.1.22", "02:00:00:00:00:22", "172.16.0.2");
  host.push(neighbor("a", "green", "10.0.1.21", "02:00:00:00:00:21", "172.16.0.2"));
  EXPECT_THAT(host.push(second), ElementsAre(Status::kPending));
  EXPECT_FALSE(host.report().in_sync());
  EXPECT_EQ(host.report().pending_size(), 1);
  host.push(neighbor("a", "green", "10.0.1.21", "", "", schema::DELETE));
  ASSERT_TRUE(host.reconciler.wants_retry());
  host.reconciler.retry();
  host.reconciler.flush();
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.22"));
  EXPECT_TRUE(host.report().in_sync());
}

TEST(TableFull, IsToldOnceAndWhenItIsOver) {
  FakeDataplane tables;
  tables.most_neighbors = 10;
  Host host{tables};
  const auto statuses = host.push(many_neighbors(30));
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kPending), 20);
  EXPECT_EQ(host.report().pending_size(), 20);
  EXPECT_THAT(host.report().pending(0).message(), HasSubstr("no room"));
  host.push(many_neighbors(30));
  auto kinds = host.event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "table_full"), 1);
  EXPECT_THAT(kinds, Not(Contains("table_has_room")));

  tables.most_neighbors = 100;
  api::TableStatus room;
  room.set_full(false);
  host.reconciler.table_changed(room);
  ASSERT_TRUE(host.reconciler.wants_retry());
  retries_until_quiet(host);
  EXPECT_EQ(tables.neighbors.size(), 30U);
  EXPECT_TRUE(host.report().in_sync());
  EXPECT_EQ(host.report().pending_size(), 0);
  EXPECT_THAT(host.event_kinds(), Contains("table_has_room"));
}

TEST(TableFull, EventsSayWhichWayATablePassedALevel) {
  FakeDataplane tables;
  tables.most_neighbors = 10;
  Host host{tables};
  host.push(many_neighbors(20));
  api::TableStatus status;
  status.set_table("connections IPv4");
  status.set_used(820);
  status.set_capacity(1024);
  host.reconciler.table_changed(status);
  EXPECT_THAT(host.event_kinds(), Contains("table_nearly_full"));
  EXPECT_THAT(host.event_kinds(), Not(Contains("table_calm")));
  status.set_full(true);
  host.reconciler.table_changed(status);
  EXPECT_THAT(host.event_kinds(), Not(Contains("table_calm"))) << "full is no level";
  status.set_full(false);
  status.set_used(700);
  host.reconciler.table_changed(status);
  EXPECT_THAT(host.event_kinds(), Contains("table_calm"));
  EXPECT_FALSE(host.reconciler.wants_retry()) << "room for connections is none for neighbors";
}

TEST(TableFull, EverythingComesInAtOnceWhenThereIsRoomForAll) {
  constexpr int kWanted = 20000;
  FakeDataplane tables;
  tables.most_neighbors = 100;
  Host host{tables};
  host.push(many_neighbors(kWanted));
  tables.most_neighbors = kWanted;
  host.reconciler.table_changed(api::TableStatus{});
  EXPECT_LT(retries_until_quiet(host), 25);
  EXPECT_EQ(tables.neighbors.size(), static_cast<std::size_t>(kWanted));
  EXPECT_TRUE(host.report().in_sync());
}

TEST(TableFull, TriesLessAndLessOftenWhileNothingChanges) {
  FakeDataplane tables;
  tables.most_neighbors = 1;
  Host host{tables};
  host.push(many_neighbors(3));
  std::vector<long> intervals;
  for (int i = 0; i < 7; ++i) {
    intervals.push_back(static_cast<long>(host.reconciler.retry_interval().count()));
    host.reconciler.retry();
    EXPECT_FALSE(host.reconciler.wants_retry());
  }
  EXPECT_THAT(intervals, ElementsAre(1, 2, 4, 8, 16, 30, 30));
  tables.most_neighbors = 2;
  host.reconciler.retry();
  EXPECT_EQ(tables.neighbors.size(), 2U);
  EXPECT_EQ(host.reconciler.retry_interval().count(), 1);
}

TEST(TableFull, FailuresThatStayDoNotTakeTheOthersTurn) {
  constexpr int kWanted = 5000;
  FakeDataplane tables;
  tables.most_neighbors = 0;
  Host host{tables};
  host.push(many_neighbors(kWanted));
  // Room for one at a time: in the end each had its turn.
  for (int i = 0; i < 20; ++i) {
    ++tables.most_neighbors;
    host.reconciler.retry();
  }
  EXPECT_EQ(tables.neighbors.size(), 20U);
}

TEST(TableFull, RequestThatIsTooLargeIsNotSentForever) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.client.most_bytes = 1000;
  EXPECT_THAT(host.push(neighbor("n", "green", "10.0.1.9", "02:00:00:00:00:09", "172.16.0.2")),
              ElementsAre(Status::kSuccess));
  // A hundred at once are too many: they fail, the connection stands, and they are tried again.
  EXPECT_THAT(host.push(many_neighbors(100)), Contains(Status::kFailure));
  EXPECT_TRUE(host.reconciler.connected());
  EXPECT_EQ(host.client.refused_applies, 1);
  host.client.most_bytes = ~std::size_t{0};
  host.reconciler.retry();
  EXPECT_EQ(tables.neighbors.size(), 100U);
  EXPECT_TRUE(host.report().in_sync());
}

}  // namespace
}  // namespace alkaid::agent::test
