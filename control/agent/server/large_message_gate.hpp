// One large message at a time.
#pragma once

#include <deque>
#include <functional>
#include <mutex>

namespace alkaid::agent {

// Decoded, a message of hundreds of megabytes takes several times its size: those that come
// together wait for each other. Any thread.
class LargeMessageGate {
 public:
  // Calls `start`, now or when it is its turn; in order. Whoever was started calls leave() once.
  void enter(std::function<void()> start);
  void leave();

 private:
  std::mutex mutex_;
  bool taken_ = false;
  std::deque<std::function<void()>> waiting_;
};

}  // namespace alkaid::agent
