#include "control/agent/server/large_message_gate.hpp"

#include <utility>

namespace alkaid::agent {

void LargeMessageGate::enter(std::function<void()> start) {
  {
    const std::lock_guard lock{mutex_};
    if (taken_) {
      waiting_.push_back(std::move(start));
      return;
    }
    taken_ = true;
  }
  start();
}

void LargeMessageGate::leave() {
  std::function<void()> next;
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.empty()) {
      taken_ = false;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  next();
}

}  // namespace alkaid::agent
