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
  struct Listener {
    // Called for every answer, on the reconciler's thread: not called for long, the thread is
    // stuck.
    std::function<void(bool in_sync)> answered;
    // Called when it changes, on a thread of the monitor's own. Ready: the data plane is in sync,
    // which has been confirmed lately, and answers. Not ready at first. May be empty.
    std::function<void(bool ready)> ready_changed;
    // Whether the data plane answers; must not block. Empty: it does.
    std::function<bool()> dataplane_answers;
  };
  // A reconciler that has not answered for so long may wait for a data plane that hangs.
  static constexpr std::chrono::seconds kLongestSilence{3};

  StateMonitor(ReconcilerThread& reconciler, const EventLog& events)
      : reconciler_(reconciler), events_(events) {}
  ~StateMonitor() { stop(); }
  StateMonitor(const StateMonitor&) = delete;
  StateMonitor& operator=(const StateMonitor&) = delete;

  void start(Listener listener);
  // Before the reconciler's thread is stopped. An answer may still come until that is stopped.
  void stop();

  // What dataplane_answers says has changed. Any thread.
  void look_again();

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds kInterval{500};
  static constexpr int kMostSkipped = 20;

  void run();
  // The reconciler's thread.
  void look(Reconciler& reconciler);

  ReconcilerThread& reconciler_;
  const EventLog& events_;
  Listener listener_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool has_news_ = false;
  bool asked_ = false;  // and not answered yet
  Clock::time_point asked_at_;
  bool answered_in_sync_ = false;
  std::thread thread_;

  // The reconciler's thread: what it saw last.
  std::uint64_t events_seen_ = 0;
  int skipped_ = 0;
  bool in_sync_ = false;
};

}  // namespace alkaid::agent
