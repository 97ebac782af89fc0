// Wakes the thread that waits for news of missing neighbors. Design: docs/design/on-demand.md.
#pragma once

#include <atomic>
#include <chrono>

namespace alkaid {

class NewsBell {
 public:
  // Throws std::system_error.
  NewsBell();
  ~NewsBell();
  NewsBell(const NewsBell&) = delete;
  NewsBell& operator=(const NewsBell&) = delete;

  // Any thread, once the news can be seen. A system call only if somebody sleeps, and one for all
  // that comes until it sleeps again.
  void ring() {
    // Both sides write: whichever is second sees what the first one did before.
    if (is_awaited_.exchange(false, std::memory_order_acq_rel)) {
      wake();
    }
  }

  // Any thread but a worker's, one at a time for who wants to be woken in any case. Returns when
  // has_news() or somebody rings, at the latest after `longest`; now and then for nothing.
  template <class HasNews>
  void wait(std::chrono::milliseconds longest, HasNews&& has_news) {
    is_awaited_.exchange(true, std::memory_order_acq_rel);
    if (!has_news()) {
      sleep(longest);
    }
    is_awaited_.store(false, std::memory_order_relaxed);
  }

 private:
  void wake();
  void sleep(std::chrono::milliseconds longest);

  const int descriptor_;  // an eventfd
  std::atomic<bool> is_awaited_{false};
};

}  // namespace alkaid
