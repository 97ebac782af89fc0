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

class MissBoardTest : public ::testing::Test {
 protected:
  MissBoard board_{4, 1000ms};
  MissBoard::Clock::time_point now_ = MissBoard::Clock::now();
};

TEST_F(MissBoardTest, TellsOfADestinationOnce) {
  const auto id = board_.raise(address(1), {0, {1, 1}}, now_);
  ASSERT_TRUE(id);
  EXPECT_FALSE(board_.raise(address(1), {1, {2, 1}}, now_ + 10ms));
  EXPECT_FALSE(board_.raise(address(1), {0, {1, 1}}, now_ + 20ms));
  EXPECT_EQ(board_.find(*id), address(1));
  EXPECT_EQ(board_.take(address(1)).places, (std::vector<Place>{{0, {1, 1}}, {1, {2, 1}}}));
  EXPECT_TRUE(board_.empty());
  EXPECT_FALSE(board_.find(*id));
  const auto again = board_.raise(address(1), {0, {1, 1}}, now_ + 30ms);
  ASSERT_TRUE(again);
  EXPECT_NE(*again, *id);
}

TEST_F(MissBoardTest, TellsAgainWhenThePacketsOfTheFirstTimeAreGone) {
  ASSERT_TRUE(board_.raise(address(1), {0, {1, 1}}, now_));
  EXPECT_FALSE(board_.raise(address(1), {1, {2, 1}}, now_ + 900ms));
  EXPECT_TRUE(board_.raise(address(1), {0, {1, 1}}, now_ + 1000ms));
}

TEST_F(MissBoardTest, ForgetsAfterTheLastOfThemAndNotBefore) {
  ASSERT_TRUE(board_.raise(address(1), {0, {1, 1}}, now_));
  ASSERT_TRUE(board_.raise(address(2), {0, {1, 1}}, now_));
  board_.raise(address(2), {1, {2, 1}}, now_ + 600ms);
  board_.expire(now_ + 999ms);
  EXPECT_EQ(board_.size(), 2U);
  board_.expire(now_ + 1000ms);
  EXPECT_EQ(board_.size(), 1U);
  board_.expire(now_ + 1600ms);
  EXPECT_TRUE(board_.empty());
}

TEST_F(MissBoardTest, KeepsABoundedNumber) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(board_.raise(address(i), {0, {1, 1}}, now_));
  }
  EXPECT_FALSE(board_.raise(address(9), {0, {1, 1}}, now_));
  EXPECT_TRUE(board_.take(address(9)).places.empty());
  EXPECT_EQ(board_.size(), 4U);
}

}  // namespace
}  // namespace alkaid
