#include "dataplane/policy/rule_intervals.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/policy/rule_order.hpp"

namespace alkaid {
namespace {

std::vector<RuleInterval> random_rules(std::mt19937& random, std::size_t count,
                                       std::uint32_t depths) {
  std::vector<RuleInterval> rules;
  for (std::size_t i = 0; i < count; ++i) {
    const auto one = static_cast<Selector>(random() & kLargestSelector);
    // Short ones and long ones.
    const Selector other = std::min<Selector>(kLargestSelector, one + (random() >> random() % 32));
    rules.push_back({std::min(one, other), std::max(one, other), static_cast<RuleNumber>(i + 1),
                     static_cast<std::uint32_t>(random() % depths)});
  }
  return rules;
}

bool is_before(const RuleInterval& a, const RuleInterval& b) {
  return a.first < b.first;
}

TEST(RuleIntervals, AreSortedHoweverManyThereAre) {
  std::mt19937 random(1);
  std::vector<RuleInterval> scratch;
  for (const std::size_t count : {0, 1, 2, 100, 1023, 1024, 5000}) {
    auto rules = random_rules(random, count, 1);
    sort_by_first(rules, scratch);
    ASSERT_EQ(rules.size(), count);
    EXPECT_TRUE(std::is_sorted(rules.begin(), rules.end(), is_before)) << count;
    const auto by_number = [](const RuleInterval& a, const RuleInterval& b) {
      return a.rule < b.rule;
    };
    std::sort(rules.begin(), rules.end(), by_number);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(rules[i].rule, i + 1) << "none is lost";
    }
  }
}

// Of the rules at a point the shallowest is entered, whichever of them if there are several.
TEST(RuleIntervals, TheShallowestDecides) {
  std::mt19937 random(2);
  std::vector<RuleInterval> scratch;
  for (int round = 0; round < 60; ++round) {
    const std::size_t count = round < 50 ? 1 + random() % 40 : 2000;
    const std::uint32_t depths = 1 + random() % 129;
    auto rules = random_rules(random, count, depths);
    sort_by_first(rules, scratch);
    IntervalList list;
    list.merge_depths(rules);
    ASSERT_EQ(list.entries().size(), list.ends().size() + 1);
    ASSERT_TRUE(std::is_sorted(list.ends().begin(), list.ends().end()));
    std::vector<Selector> points{0, kLargestSelector};
    for (const auto& rule : rules) {
      points.insert(points.end(),
                    {rule.first, rule.last, static_cast<Selector>(random() & kLargestSelector)});
    }
    for (const Selector point : points) {
      std::uint32_t shallowest = RuleChain::kNoDepth;
      for (const auto& rule : rules) {
        if (rule.first <= point && point <= rule.last) {
          shallowest = std::min(shallowest, rule.depth);
        }
      }
      const auto interval = std::lower_bound(list.ends().begin(), list.ends().end(), point);
      const std::uint32_t entry =
          list.entries()[static_cast<std::size_t>(interval - list.ends().begin())];
      ASSERT_EQ(RuleChain::depth_of(entry), shallowest) << point;
      if (shallowest == RuleChain::kNoDepth) {
        ASSERT_EQ(entry, IntervalList::kNothing);
        continue;
      }
      const auto rule = std::find_if(rules.begin(), rules.end(), [&](const RuleInterval& one) {
        return one.rule == RuleChain::rule_of(entry);
      });
      ASSERT_NE(rule, rules.end());
      ASSERT_TRUE(rule->first <= point && point <= rule->last && rule->depth == shallowest);
    }
  }
}

}  // namespace
}  // namespace alkaid
