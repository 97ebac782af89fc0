#include "dataplane/policy/rule_table.hpp"

#include <gtest/gtest.h>

#include "tests/unit/policy/policy_fixture.hpp"

namespace alkaid {
namespace {

TEST(RuleTable, NumbersStartAtOneAndHaveNames) {
  Grace grace;
  RuleTable rules(4, 1, grace.retire());
  EXPECT_EQ(rules.allocate({"web", "a"}), 1U);
  EXPECT_EQ(rules.allocate({"web", "b"}), 2U);
  EXPECT_EQ(rules.name(2)->rule, "b");
  EXPECT_EQ(rules.name(kNoRule), nullptr);
  EXPECT_EQ(rules.name(3), nullptr);
  EXPECT_EQ(rules.name(1'000'000), nullptr);
  EXPECT_EQ(rules.hits(1'000'000), 0U);
}

TEST(RuleTable, ANumberComesBackAfterTheGracePeriodOnlyAndWithoutHits) {
  Grace grace;
  RuleTable rules(1, 2, grace.retire());
  ASSERT_EQ(rules.allocate({"web", "a"}), 1U);
  rules.count_hit(0, 1);
  rules.count_hit(1, 1);
  EXPECT_EQ(rules.hits(1), 2U) << "of all workers";
  rules.release(1);
  EXPECT_EQ(rules.name(1), nullptr);
  EXPECT_EQ(rules.allocate({"web", "b"}), 2U);
  rules.release(2);
  EXPECT_FALSE(rules.has_room(1, 0)) << "both numbers wait";
  EXPECT_EQ(rules.allocate({"web", "c"}), kNoRule);
  grace.pass();
  EXPECT_TRUE(rules.has_room(1, 0));
  EXPECT_EQ(rules.allocate({"web", "c"}), 1U) << "the one that has been free for longest";
  EXPECT_EQ(rules.hits(1), 0U);
}

TEST(RuleTable, RefusesMoreThanItsCapacity) {
  Grace grace;
  RuleTable rules(3, 1, grace.retire());
  ASSERT_TRUE(rules.has_room(3, 0));
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_NE(rules.allocate({"web", id}), kNoRule);
  }
  EXPECT_TRUE(rules.has_room(3, 3)) << "all replaced at once";
  EXPECT_FALSE(rules.has_room(1, 0));
  EXPECT_EQ(rules.occupancy().full_events, 1U);
  EXPECT_EQ(rules.occupancy().used, 3U);
  EXPECT_EQ(rules.occupancy().capacity, 3U);
}

}  // namespace
}  // namespace alkaid
