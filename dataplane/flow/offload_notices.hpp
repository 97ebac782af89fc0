// What workers tell the control thread about connections that hardware forwards: that one has left
// the state in which hardware may, or is over. Its rules are to go.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/flow/connection.hpp"

namespace alkaid {

struct OffloadNotice {
  ConnectionNumber number = 0;
  bool ipv6 = false;
};

// One ring for each writer: workers by index, and behind them the control thread.
class OffloadNotices {
 public:
  explicit OffloadNotices(std::size_t workers) : rings_(workers + 1) {}

  // ---- the writer's thread
  void tell(std::size_t writer, const OffloadNotice& notice) {
    Ring& ring = rings_[writer];
    const std::uint32_t end = ring.end.load(std::memory_order_relaxed);
    if (end - ring.begin.load(std::memory_order_acquire) == kRingSize) {
      ring.overflowed.store(true, std::memory_order_release);
      return;
    }
    ring.notices[end % kRingSize] = notice;
    ring.end.store(end + 1, std::memory_order_release);
  }

  // ---- control thread
  // visit(notice) for all that there are. False: some were lost, so look at everything.
  template <class Visit>
  bool take(Visit&& visit) {
    bool is_complete = true;
    for (Ring& ring : rings_) {
      if (ring.overflowed.load(std::memory_order_acquire)) {
        ring.overflowed.store(false, std::memory_order_release);
        is_complete = false;
      }
      const std::uint32_t end = ring.end.load(std::memory_order_acquire);
      std::uint32_t begin = ring.begin.load(std::memory_order_relaxed);
      for (; begin != end; ++begin) {
        visit(ring.notices[begin % kRingSize]);
      }
      ring.begin.store(begin, std::memory_order_release);
    }
    return is_complete;
  }

 private:
  static constexpr std::uint32_t kRingSize = 512;

  struct alignas(64) Ring {
    std::atomic<std::uint32_t> end{0};
    std::atomic<std::uint32_t> begin{0};
    std::atomic<bool> overflowed{false};
    std::array<OffloadNotice, kRingSize> notices;
  };

  std::vector<Ring> rings_;
};

}  // namespace alkaid
