#include "dataplane/flood/rate_limit.hpp"

#include <gtest/gtest.h>

namespace alkaid::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;

// How many of `tries` pass at one time.
unsigned passing(RateLimit& limit, const Rate& rate, std::uint64_t now, unsigned tries = 1000) {
  unsigned passed = 0;
  for (unsigned i = 0; i < tries; ++i) {
    passed += limit.take(rate, now) ? 1 : 0;
  }
  return passed;
}

TEST(RateLimit, BurstThenRate) {
  const Rate rate = Rate::of(100, 10, kSecond);
  RateLimit limit;
  EXPECT_EQ(passing(limit, rate, kSecond), 10U);
  EXPECT_EQ(passing(limit, rate, kSecond + kSecond / 100), 1U);
  EXPECT_EQ(passing(limit, rate, kSecond + kSecond / 20), 4U);
  EXPECT_EQ(passing(limit, rate, 60 * kSecond), 10U) << "a long pause saves up one burst";
}

TEST(RateLimit, OverTimeTheRate) {
  const Rate rate = Rate::of(100, 1, kSecond);
  RateLimit limit;
  unsigned passed = 0;
  for (std::uint64_t now = 0; now < 10 * kSecond; now += kSecond / 1000) {
    passed += passing(limit, rate, now, 3);
  }
  EXPECT_EQ(passed, 1000U);
}

TEST(RateLimit, WorkersClocksMayDiffer) {
  const Rate rate = Rate::of(100, 10, kSecond);
  RateLimit limit;
  EXPECT_EQ(passing(limit, rate, kSecond + 5), 10U);
  EXPECT_EQ(passing(limit, rate, kSecond), 0U);
}

}  // namespace
}  // namespace alkaid::test
