#include "dataplane/vhost/vhost_poll_set.hpp"

#include <map>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

class PollSet : public ::testing::Test {
 protected:
  // One walk; counts polls by port.
  void walk() {
    std::uint32_t room = room_;
    const auto poll = [&](std::uint32_t port, std::uint16_t queue) {
      EXPECT_EQ(queue, queue_of(port));
      ++polls_[port];
      room -= busy_[port];
      return busy_[port];
    };
    set_.walk(is_busy_elsewhere_, poll, [&] { return room > 0; });
  }
  void walk(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      walk();
    }
  }

  static std::uint16_t queue_of(std::uint32_t port) { return static_cast<std::uint16_t>(port % 3); }

  VhostPollSet set_;
  bool is_busy_elsewhere_ = false;
  std::uint32_t room_ = 1'000'000;
  std::map<std::uint32_t, std::uint32_t> polls_;
  std::map<std::uint32_t, std::uint16_t> busy_;
};

TEST_F(PollSet, BusyRingsArePolledInEveryWalk) {
  for (std::uint32_t port = 0; port < 3; ++port) {
    set_.add(port, queue_of(port));
    busy_[port] = 1;
  }
  walk(1000);
  for (std::uint32_t port = 0; port < 3; ++port) {
    EXPECT_EQ(polls_[port], 1000U);
  }
}

TEST_F(PollSet, IdleRingsTakeTurns) {
  constexpr std::uint32_t kPorts = 256;
  for (std::uint32_t port = 0; port < kPorts; ++port) {
    set_.add(port, queue_of(port));
  }
  // One that turns idle lets another take its place in the same walk, so none is skipped.
  walk(VhostPollSet::kPatience);
  EXPECT_EQ(set_.active(), 0U);
  polls_.clear();
  walk(VhostPollSet::kIdleWalks * 10);
  for (std::uint32_t port = 0; port < kPorts; ++port) {
    EXPECT_GE(polls_[port], 9U) << port;
    EXPECT_LE(polls_[port], 11U) << port;
  }
}

TEST_F(PollSet, IdleRingsCostABusyWorkerLess) {
  constexpr std::size_t kPorts = VhostPollSet::kBusyWalks + 1;
  for (std::uint32_t port = 0; port < kPorts; ++port) {
    set_.add(port, queue_of(port));
  }
  busy_[100] = 1;
  walk(VhostPollSet::kPatience);
  EXPECT_EQ(set_.active(), 1U);
  const auto expect_one_a_walk = [&](std::size_t busy_polls) {
    polls_.clear();
    walk(kPorts * 2);
    for (std::uint32_t port = 0; port < kPorts; ++port) {
      EXPECT_GE(polls_[port], port == 100 ? busy_polls : 1U) << port;
      EXPECT_LE(polls_[port], port == 100 ? busy_polls : 3U) << port;
    }
  };
  expect_one_a_walk(kPorts * 2);
  // The same if it is another device that has packets.
  busy_[100] = 0;
  walk(VhostPollSet::kPatience);
  EXPECT_EQ(set_.active(), 0U);
  is_busy_elsewhere_ = true;
  polls_.clear();
  walk(1);
  EXPECT_EQ(polls_.size(), 2U);
}

TEST_F(PollSet, OneThatGetsPacketsIsActiveAgain) {
  for (std::uint32_t port = 0; port < 100; ++port) {
    set_.add(port, queue_of(port));
  }
  walk(VhostPollSet::kPatience);
  ASSERT_EQ(set_.active(), 0U);
  for (std::uint32_t port = 0; port < 100; ++port) {
    busy_[port] = 1;
  }
  // The first one that is found makes the walks busy.
  walk(2 * VhostPollSet::kBusyWalks);
  EXPECT_EQ(set_.active(), 100U);
  polls_.clear();
  walk();
  for (std::uint32_t port = 0; port < 100; ++port) {
    EXPECT_EQ(polls_[port], 1U) << port;
  }
}

TEST_F(PollSet, WithoutRoomForAllBusyRingsTakeTurns) {
  for (std::uint32_t port = 0; port < 10; ++port) {
    set_.add(port, queue_of(port));
    busy_[port] = 1;
  }
  room_ = 3;
  walk(1000);
  for (std::uint32_t port = 0; port < 10; ++port) {
    EXPECT_EQ(polls_[port], 300U) << port;
  }
}

TEST_F(PollSet, BusyRingsThatTakeAllRoomLeaveIdleOnesTheirTurn) {
  for (std::uint32_t port = 0; port < 10; ++port) {
    set_.add(port, queue_of(port));
    busy_[port] = port < 5 ? 1 : 0;
  }
  walk(VhostPollSet::kPatience);
  ASSERT_EQ(set_.active(), 5U);
  room_ = 2;
  busy_[7] = 1;
  polls_.clear();
  walk(VhostPollSet::kBusyWalks);
  EXPECT_EQ(set_.active(), 6U);
  polls_.clear();
  walk(600);
  EXPECT_GE(polls_[7], 195U);
  EXPECT_LE(polls_[7], 205U);
}

TEST_F(PollSet, AnEmptySetPollsNothing) {
  walk(1000);
  EXPECT_TRUE(polls_.empty());
}

}  // namespace
}  // namespace alkaid
