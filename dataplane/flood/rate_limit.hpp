// A rate limit that several workers share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace alkaid {

// How many per second, and how many at once after a pause, in cycles of the time stamp counter.
struct Rate {
  std::uint64_t interval = 0;   // between two
  std::uint64_t tolerance = 0;  // how much too early one may come

  // burst: at least 1.
  static constexpr Rate of(std::uint64_t per_second, std::uint64_t burst,
                           std::uint64_t cycles_per_second) {
    const std::uint64_t interval = cycles_per_second / per_second;
    return {interval, interval * (burst - 1)};
  }
};

// Generic cell rate algorithm (ITU-T I.371, annex A): one word, no timer. Any thread; `now` needs
// no clock read per packet: the time of a worker's loop will do.
class RateLimit {
 public:
  // False: too many.
  bool take(const Rate& rate, std::uint64_t now) {
    std::uint64_t due = due_.load(std::memory_order_relaxed);
    do {
      if (due > now + rate.tolerance) {
        return false;
      }
    } while (!due_.compare_exchange_weak(due, std::max(due, now) + rate.interval,
                                         std::memory_order_relaxed));
    return true;
  }

 private:
  std::atomic<std::uint64_t> due_{0};  // when the next one is due
};

}  // namespace alkaid
