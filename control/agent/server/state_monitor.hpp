// Watches whether the agent works, and whether its data plane is as wanted.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/event_log.hpp"

namespace alkaid::agent {

// Asks the reconciler's thread twice a second. start() and stop() from one thread.
class StateMonitor {
 public:
  // answered is called for every answer, on the reconciler's thread: not called for long, the
  // thread is stuck.
  using Listener = std::function<void(bool in_sync)>;

  StateMonitor(ReconcilerThread& reconciler, const EventLog& events)
      : reconciler_(reconciler), events_(events) {}
  ~StateMonitor() { stop(); }
  StateMonitor(const StateMonitor&) = delete;
  StateMonitor& operator=(const StateMonitor&) = delete;

  void start(Listener answered);
  // Before the reconciler's thread is stopped. An answer may still come until that is stopped.
  void stop();

 private:
  static constexpr std::chrono::milliseconds kInterval{500};
  static constexpr int kMostSkipped = 20;

  void run();
  // The reconciler's thread.
  void look(Reconciler& reconciler);

  ReconcilerThread& reconciler_;
  const EventLog& events_;
  Listener answered_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool asked_ = false;  // and not answered yet
  std::thread thread_;

  // The reconciler's thread: what it saw last.
  std::uint64_t events_seen_ = 0;
  int skipped_ = 0;
  bool in_sync_ = false;
};

}  // namespace alkaid::agent
