// How an idle worker yields its core: first pauses, then sleeps that double up to a limit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>

#include <rte_pause.h>

namespace alkaid {

class IdleBackoff {
 public:
  // longest_sleep_microseconds bounds the latency that sleeping adds; 0: never sleep.
  explicit IdleBackoff(std::uint32_t longest_sleep_microseconds)
      : longest_(longest_sleep_microseconds) {}

  // Packets came.
  void reset() {
    empty_polls_ = 0;
    sleep_ = kFirstSleepMicroseconds;
  }

  // After an empty poll: true if the worker should go offline and sleep(); otherwise it has paused.
  bool should_sleep() {
    if (longest_ == 0) {
      return false;
    }
    if (++empty_polls_ < kPollsBeforeSleep) {
      rte_pause();
      return false;
    }
    return true;
  }

  void sleep() {
    sleep_ = std::min(sleep_, longest_);
    const timespec duration{0, static_cast<long>(sleep_) * 1000};
    ::nanosleep(&duration, nullptr);
    sleep_ = std::min(sleep_ * 2, longest_);
  }

  static constexpr std::uint32_t kLongestMicroseconds = 100'000;

 private:
  static constexpr std::uint32_t kPollsBeforeSleep = 64;
  static constexpr std::uint32_t kFirstSleepMicroseconds = 10;

  const std::uint32_t longest_;
  std::uint32_t empty_polls_ = 0;
  std::uint32_t sleep_ = kFirstSleepMicroseconds;
};

}  // namespace alkaid
