// Neighbors that were asked for are forgotten when nobody uses them.
#include "control/agent/on_demand/learnt_neighbors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/on_demand/on_demand.hpp"

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

NeighborKey key(std::uint32_t address) {
  return {IpAddress{Ipv4Address{address}}, Vni::from_trusted(7)};
}

class LearntNeighborsTest : public ::testing::Test {
 protected:
  LearntNeighbors learnt_{60s};
  LearntNeighbors::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(LearntNeighborsTest, NobodyIsSuspectedBeforeItsTime) {
  learnt_.learn({key(1), {"a"}}, now_);
  EXPECT_THAT(learnt_.take_suspects(now_ + 59s, 10), IsEmpty());
  EXPECT_THAT(learnt_.take_suspects(now_ + 60s, 10), ElementsAre(key(1)));
  EXPECT_THAT(learnt_.take_suspects(now_ + 61s, 10), IsEmpty());
}

TEST_F(LearntNeighborsTest, WhoIsUsedStays) {
  learnt_.learn({key(1), {"a"}}, now_);
  now_ += 60s;
  learnt_.take_suspects(now_, 10);
  EXPECT_FALSE(learnt_.judge(key(1), 20000, now_));
  EXPECT_THAT(learnt_.take_suspects(now_ + 39s, 10), IsEmpty());
  EXPECT_THAT(learnt_.take_suspects(now_ + 40s, 10), ElementsAre(key(1)));
  EXPECT_TRUE(learnt_.judge(key(1), 60000, now_ + 40s));
  EXPECT_EQ(learnt_.size(), 0U);
  EXPECT_FALSE(learnt_.judge(key(1), 60000, now_ + 40s));
}

TEST_F(LearntNeighborsTest, WhoWasNeverUsedGoes) {
  learnt_.learn({key(1), {"a"}}, now_);
  EXPECT_TRUE(learnt_.judge(key(1), LearntNeighbors::kNeverUsed, now_ + 60s));
}

TEST_F(LearntNeighborsTest, APortTakesAlongWhatOnlyItAskedFor) {
  learnt_.learn({key(1), {"a"}}, now_);
  learnt_.learn({key(2), {"a", "b"}}, now_);
  learnt_.learn({key(3), {"b"}}, now_);
  learnt_.learn({key(3), {"c"}}, now_);
  EXPECT_THAT(learnt_.port_gone("a"), ElementsAre(key(1)));
  EXPECT_THAT(learnt_.port_gone("x"), IsEmpty());
  EXPECT_THAT(learnt_.port_gone("b"), ElementsAre(key(2)));
  EXPECT_THAT(learnt_.port_gone("c"), ElementsAre(key(3)));
}

TEST_F(LearntNeighborsTest, SuspectsComeInPortions) {
  for (std::uint32_t i = 0; i < 5; ++i) {
    learnt_.learn({key(i), {"a"}}, now_);
  }
  EXPECT_THAT(learnt_.take_suspects(now_ + 60s, 3), SizeIs(3));
  EXPECT_THAT(learnt_.take_suspects(now_ + 60s, 3), SizeIs(2));
}

class NoManager final : public Ncm {
 public:
  void request(alcor::schema::HostRequest, std::chrono::milliseconds,
               std::function<void(NcmAnswer)>) override {}
};

TEST(OnDemandStart, WhatOnlyPortsAskedForThatAreGoneIsForgotten) {
  std::vector<NeighborKey> forgotten;
  const OnDemand on_demand{
      "/nowhere",
      std::make_unique<NoManager>(),
      {},
      {{key(1), {"a"}}, {key(2), {}}},
      {.learn = [](const auto&) { ADD_FAILURE(); },
       .forget = [&forgotten](std::vector<NeighborKey> keys) { forgotten = std::move(keys); }}};
  EXPECT_THAT(forgotten, ElementsAre(key(2)));
  EXPECT_EQ(on_demand.activity().learnt, 1U);
}

}  // namespace
}  // namespace alkaid::agent
