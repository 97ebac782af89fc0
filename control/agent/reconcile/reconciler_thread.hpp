// The one thread that owns the desired state.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "control/agent/reconcile/durability.hpp"
#include "control/agent/reconcile/goal_state_task.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/agent/server/stage_times.hpp"

namespace alkaid::agent {

// Takes goal states and calls from any thread, in order; several waiting goal states share one
// write to the data plane, and small ones don't wait for another sender's large one. Connects to
// the data plane, again and again.
class ReconcilerThread {
 public:
  explicit ReconcilerThread(Reconciler& reconciler) : reconciler_(reconciler) {}
  ~ReconcilerThread() { stop(); }
  ReconcilerThread(const ReconcilerThread&) = delete;
  ReconcilerThread& operator=(const ReconcilerThread&) = delete;

  // Before start(); must live until stop(). Without it nothing outlives the process.
  void set_durability(Durability& durability) { durability_ = &durability; }
  // nullptr: none.
  [[nodiscard]] const Durability* durability() const { return durability_; }

  void start();
  // Waits for the thread; a call to the data plane that is under way must be interrupted by its
  // owner first. What is still queued is dropped.
  void stop();

  void submit(std::unique_ptr<GoalStateTask> task);
  // Runs `call` on the thread, ahead of goal states that wait.
  void post(std::function<void(Reconciler&)> call);
  // The same for what only looks: on another thread while this one waits, for the data plane or for
  // something to do. Must not block.
  void look(std::function<void(Reconciler&)> call);

  // The addresses of this host as last known.
  [[nodiscard]] std::vector<IpAddress> own_addresses() const;
  // Any thread.
  [[nodiscard]] StageTimes& stage_times() { return stage_times_; }

 private:
  using Tasks = std::vector<std::unique_ptr<GoalStateTask>>;

  void run();
  // False: parts of a message will never come, since the agent ends.
  bool process(Tasks& tasks);
  // The same; with what of others was merged between its parts.
  bool merge(GoalStateTask& task, Tasks& others);
  void merge_small_ones(const GoalStateTask& large, Tasks& others);
  void publish_own_addresses();

  Reconciler& reconciler_;
  Durability* durability_ = nullptr;
  StageTimes stage_times_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<GoalStateTask>> tasks_;
  std::deque<std::function<void(Reconciler&)>> calls_;
  std::vector<IpAddress> own_addresses_;
  // When to give back what large messages left; the thread's own.
  std::chrono::steady_clock::time_point trims_at_ = std::chrono::steady_clock::time_point::max();
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace alkaid::agent
