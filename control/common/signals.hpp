// Clean shutdown on SIGINT and SIGTERM.
#pragma once

#include <string>

namespace alkaid {

// Blocks SIGINT, SIGTERM and SIGHUP in the calling thread and every thread that it starts later,
// and ignores SIGPIPE. Call before the first thread is started.
class SignalWaiter {
 public:
  SignalWaiter();

  // Waits for a signal; returns its number. Other threads go on.
  int wait();
  // One has come that wait() has not returned yet. Any thread.
  [[nodiscard]] bool is_pending() const;

  ~SignalWaiter();
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace alkaid
