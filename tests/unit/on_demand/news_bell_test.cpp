// The one who waits is woken for everything, at whatever moment it comes.
#include "dataplane/on_demand/news_bell.hpp"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

TEST(NewsBell, NothingIsSleptThrough) {
  constexpr int kRounds = 5000;
  constexpr auto kLongest = 10s;
  NewsBell bell;
  std::atomic<int> published{0};
  std::atomic<int> seen{0};
  std::thread listener{[&] {
    for (int known = 0; known < kRounds;) {
      bell.wait(kLongest, [&] { return published.load(std::memory_order_relaxed) > known; });
      known = published.load(std::memory_order_relaxed);
      seen.store(known, std::memory_order_relaxed);
    }
  }};
  Clock::duration slowest{};
  for (int i = 1; i <= kRounds; ++i) {
    const auto start = Clock::now();
    published.store(i, std::memory_order_relaxed);
    bell.ring();
    while (seen.load(std::memory_order_relaxed) < i) {
      std::this_thread::yield();
    }
    slowest = std::max(slowest, Clock::now() - start);
  }
  listener.join();
  EXPECT_LT(slowest, kLongest / 2);
}

TEST(NewsBell, WaitsNoLongerThanItShould) {
  NewsBell bell;
  const auto start = Clock::now();
  bell.wait(20ms, [] { return false; });
  EXPECT_GE(Clock::now() - start, 20ms);
  bell.wait(60s, [] { return true; });
  EXPECT_LT(Clock::now() - start, 30s);
}

// Nobody sleeps: there is nothing to wake, and nothing is left to be woken by.
TEST(NewsBell, RingsForNobodyUnlessSomebodySleeps) {
  NewsBell bell;
  bell.ring();
  const auto start = Clock::now();
  bell.wait(20ms, [] { return false; });
  EXPECT_GE(Clock::now() - start, 20ms);
}

}  // namespace
}  // namespace alkaid
