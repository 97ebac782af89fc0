// The reconciler's state is one thread's at a time, and nobody who looks is forgotten.
#include "control/agent/reconcile/attendance.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace alkaid::agent::test {
namespace {

TEST(Attendance, WhoIsThereShowsBeforeLeavingAndWhoLooksLaterLooksAtOnce) {
  Attendance attendance;
  int looks = 0;
  attendance.look([&looks] { ++looks; });
  EXPECT_EQ(looks, 0) << "the state is the owner's";
  attendance.serve();
  EXPECT_EQ(looks, 1);
  attendance.look([&looks] { ++looks; });
  {
    const Attendance::Absence away{attendance};
    EXPECT_EQ(looks, 2);
    attendance.look([&looks] { ++looks; });
    EXPECT_EQ(looks, 3);
  }
  attendance.look([&looks] { ++looks; });
  EXPECT_EQ(looks, 3);
}

TEST(Attendance, TheOwnerWaitsForWhoLooks) {
  Attendance attendance;
  attendance.leave();
  std::atomic<bool> is_looking{false};
  std::atomic<bool> has_looked{false};
  std::thread looker{[&] {
    attendance.look([&] {
      is_looking = true;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
      has_looked = true;
    });
  }};
  while (!is_looking) {
    std::this_thread::yield();
  }
  attendance.come_back();
  EXPECT_TRUE(has_looked);
  looker.join();
}

// The number is nobody's but the owner's and of those who look: no lock of its own.
TEST(Attendance, OneAtATimeAndNobodyIsForgotten) {
  constexpr int kLookers = 4;
  constexpr int kLooks = 20000;
  Attendance attendance;
  int number = 0;
  std::atomic<int> running{kLookers};
  std::vector<std::thread> lookers;
  for (int i = 0; i < kLookers; ++i) {
    lookers.emplace_back([&] {
      for (int look = 0; look < kLooks; ++look) {
        attendance.look([&number] { ++number; });
      }
      --running;
    });
  }
  int own = 0;
  while (running > 0) {
    ++number;
    ++own;
    const Attendance::Absence away{attendance};
  }
  for (std::thread& looker : lookers) {
    looker.join();
  }
  attendance.serve();
  EXPECT_EQ(number, own + kLookers * kLooks);
}

}  // namespace
}  // namespace alkaid::agent::test
