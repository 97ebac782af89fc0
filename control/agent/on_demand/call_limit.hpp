// How many calls a manager gets at once: as many as it answers without letting them wait for each
// other. One that is asked for more than it can do would otherwise have a queue of its own, in
// which the questions of a guest that scans come before everybody's, and what waits for it would be
// given up; if fewer calls are under way, questions gather here and go together.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace alkaid::agent {

// One thread's. After the idea of TCP Vegas (Brakmo and Peterson, 1995): a call that takes much
// longer than the fastest ones of the last seconds has waited.
class CallLimit {
 public:
  using Clock = std::chrono::steady_clock;

  CallLimit(std::size_t fewest, std::size_t most) : fewest_(fewest), most_(most), calls_(most) {}

  [[nodiscard]] std::size_t calls() const { return calls_; }

  // A call has been answered after `took`.
  void answered(Clock::duration took, Clock::time_point now) {
    if (now - since_ >= kMemory) {
      before_ = fastest_;
      fastest_ = took;
      since_ = now;
    }
    fastest_ = std::min(fastest_, took);
    const bool has_waited = took > 2 * std::min(fastest_, before_) + kAllowance;
    const std::size_t fewer = calls_ - std::min(calls_, calls_ / 8 + 1);
    calls_ = std::min(most_, has_waited ? std::max(fewest_, fewer) : calls_ + 1);
  }

 private:
  // What managers and networks differ by from call to call.
  static constexpr Clock::duration kAllowance = std::chrono::milliseconds{20};
  static constexpr Clock::duration kMemory = std::chrono::seconds{10};

  const std::size_t fewest_;
  const std::size_t most_;
  std::size_t calls_;
  Clock::time_point since_{};
  Clock::duration fastest_ = Clock::duration::max() / 4;  // of the present span of kMemory
  Clock::duration before_ = Clock::duration::max() / 4;   // of the one before
};

}  // namespace alkaid::agent
