// Who waits for what: told once, bounded, forgotten in time.
#include "dataplane/on_demand/miss_board.hpp"

#include <gtest/gtest.h>

namespace alkaid {
namespace {

using namespace std::chrono_literals;
using Place = MissBoard::Place;

AwaitedAddress address(std::uint32_t number) {
  return {.ip = IpAddress{Ipv4Address{number}}, .vni = Vni::from_trusted(5)};
}

RaisedMiss miss(std::uint32_t number, std::uint32_t port = 1) {
  return {.key = {address(number), {port, 1}}};
}

class MissBoardTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> told(std::chrono::milliseconds after) {
    std::vector<std::uint64_t> ids;
    for (const auto& untold : board_.take_untold(100, now_ + after)) {
      ids.push_back(untold.id);
    }
    return ids;
  }

  MissBoard board_{4, 1000ms};
  MissBoard::Clock::time_point now_ = MissBoard::Clock::now();
};

TEST_F(MissBoardTest, TellsOfADestinationOnce) {
  EXPECT_FALSE(board_.has_untold());
  EXPECT_TRUE(board_.raise(miss(1), 0, now_));
  EXPECT_TRUE(board_.raise(miss(1, 2), 1, now_));
  EXPECT_TRUE(board_.has_untold());
  const auto ids = told(1ms);
  ASSERT_EQ(ids.size(), 1U);
  EXPECT_TRUE(board_.raise(miss(1, 3), 0, now_ + 10ms));
  EXPECT_FALSE(board_.has_untold());
  EXPECT_EQ(board_.find(ids[0]), address(1));
  EXPECT_EQ(board_.take(address(1)).places,
            (std::vector<Place>{{0, {1, 1}}, {0, {3, 1}}, {1, {2, 1}}}));
  EXPECT_TRUE(board_.empty());
  EXPECT_FALSE(board_.find(ids[0]));
  EXPECT_TRUE(board_.raise(miss(1), 0, now_ + 30ms));
  const auto again = told(30ms);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_NE(again, ids);
}

TEST_F(MissBoardTest, TellsAgainWhenThePacketsOfTheFirstTimeAreGone) {
  board_.raise(miss(1), 0, now_);
  const auto ids = told(0ms);
  board_.raise(miss(1, 2), 1, now_ + 900ms);
  EXPECT_FALSE(board_.has_untold());
  // Whoever raised it has waited in vain.
  board_.raise(miss(1), 0, now_ + 950ms);
  EXPECT_EQ(told(950ms), ids);
  // Nobody knows who waits still.
  board_.raise(miss(1, 3), 1, now_ + 1950ms);
  EXPECT_EQ(told(1950ms), ids);
}

TEST_F(MissBoardTest, TellsANewListenerOfAllThatIsWaitedFor) {
  board_.raise(miss(1), 0, now_);
  board_.raise(miss(2), 0, now_);
  const auto ids = told(0ms);
  EXPECT_EQ(ids.size(), 2U);
  board_.take(address(1));
  board_.tell_all_again();
  EXPECT_EQ(told(1ms), std::vector{ids[1]});
}

TEST_F(MissBoardTest, WhatIsOverIsNotTold) {
  board_.raise(miss(1), 0, now_);
  board_.raise(miss(2), 0, now_ + 500ms);
  board_.expire(now_ + 1000ms);
  board_.take(address(2));
  EXPECT_FALSE(board_.has_untold());
}

TEST_F(MissBoardTest, TellsTheOldestFirstAndAsManyAsAreWanted) {
  for (std::uint32_t i = 1; i <= 3; ++i) {
    board_.raise(miss(i), 0, now_);
  }
  const auto first = board_.take_untold(2, now_);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].miss.key.address, address(1));
  EXPECT_EQ(told(0ms).size(), 1U);
}

TEST_F(MissBoardTest, ForgetsAfterTheLastOfThemAndNotBefore) {
  board_.raise(miss(1), 0, now_);
  board_.raise(miss(2), 0, now_);
  board_.raise(miss(2, 2), 1, now_ + 600ms);
  board_.expire(now_ + 999ms);
  EXPECT_EQ(board_.size(), 2U);
  board_.expire(now_ + 1000ms);
  EXPECT_EQ(board_.size(), 1U);
  board_.expire(now_ + 1599ms);
  EXPECT_EQ(board_.size(), 1U);
  board_.expire(now_ + 2000ms);
  EXPECT_TRUE(board_.empty());
}

// Ports come and go while others wait for the same address all the time.
TEST_F(MissBoardTest, ForgetsWhoHasGone) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    board_.raise(miss(1, i), 0, now_ + i * 500ms);
    board_.expire(now_ + i * 500ms);
  }
  EXPECT_LE(board_.take(address(1)).places.size(), 5U);
}

TEST_F(MissBoardTest, KeepsABoundedNumber) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(board_.raise(miss(i), 0, now_));
  }
  EXPECT_FALSE(board_.raise(miss(9), 0, now_));
  EXPECT_TRUE(board_.take(address(9)).places.empty());
  EXPECT_EQ(board_.size(), 4U);
}

// What was taken and raised again has been due since long before.
TEST_F(MissBoardTest, IsForgottenOnceHoweverOftenItCame) {
  for (std::uint32_t i = 0; i < 5000; ++i) {
    board_.raise(miss(1), 0, now_);
    board_.take(address(1));
  }
  board_.raise(miss(1), 0, now_ + 900ms);
  board_.expire(now_ + 1000ms);
  EXPECT_EQ(board_.size(), 1U);
  board_.expire(now_ + 1900ms);
  EXPECT_TRUE(board_.empty());
}

}  // namespace
}  // namespace alkaid
