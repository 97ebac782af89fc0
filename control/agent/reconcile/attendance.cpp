#include "control/agent/reconcile/attendance.hpp"

#include <utility>

namespace alkaid::agent {

void Attendance::serve(std::unique_lock<std::mutex>& lock) {
  // Whoever comes back does the rest itself.
  while (!waiting_.empty() && !is_returning_) {
    const auto looks = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& look : looks) {
      look();
    }
    lock.lock();
  }
}

void Attendance::look(std::function<void()> look) {
  std::unique_lock lock{mutex_};
  waiting_.push_back(std::move(look));
  if (is_taken_) {
    return;  // who has it looks here before letting it go
  }
  is_taken_ = true;
  serve(lock);
  is_taken_ = false;
  free_.notify_all();
}

void Attendance::serve() {
  std::unique_lock lock{mutex_};
  serve(lock);
}

void Attendance::leave() {
  std::unique_lock lock{mutex_};
  serve(lock);
  is_taken_ = false;
}

void Attendance::come_back() {
  std::unique_lock lock{mutex_};
  is_returning_ = true;
  free_.wait(lock, [this] { return !is_taken_; });
  is_returning_ = false;
  is_taken_ = true;
}

}  // namespace alkaid::agent
