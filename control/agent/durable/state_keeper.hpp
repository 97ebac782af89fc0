// Stores what changes in the desired state, many goal states with one write.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/agent/desired/store.hpp"
#include "control/agent/durable/database.hpp"
#include "control/agent/durable/recorder.hpp"
#include "control/agent/reconcile/durability.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/agent/server/stage_times.hpp"

namespace alkaid::agent::durable {

// Has a thread of its own: while it waits for the disk, the data plane is programmed and the next
// goal states are merged. All that came meanwhile becomes the next write (group commit).
//
// When a write fails, what was to be written is dropped and every goal state is answered FAILURE,
// although it is in effect, until all of the desired state could be written: that is tried again
// and again.
class StateKeeper final : public Durability {
 public:
  // request_whole: asks the owner of the desired state to call submit_whole() soon. Called on the
  // keeper's thread. times: told how long what is submitted takes to be stored.
  StateKeeper(std::unique_ptr<Database> database, EventLog& events, StageTimes& times,
              std::function<void()> request_whole);
  ~StateKeeper() override { stop(); }
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;

  void start();
  // Stores what was submitted, answers, and ends.
  void stop();

  // ---- on the reconciler's thread

  [[nodiscard]] Journal& journal() { return recorder_; }
  void submit() override;
  void submit_ahead() override;
  void finish(std::vector<std::unique_ptr<GoalStateTask>> tasks) override;
  void submit_whole(const DesiredStore& store, bool is_complete);

  // ---- any thread

  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] std::string problem() const override;

 private:
  static constexpr std::chrono::milliseconds kFirstRetry{500};
  static constexpr std::chrono::milliseconds kLastRetry{8000};

  using Ticket = std::uint64_t;
  using SubmitTimes = std::vector<std::chrono::steady_clock::time_point>;
  struct Waiting {
    Ticket ticket = 0;
    std::vector<std::unique_ptr<GoalStateTask>> tasks;
  };

  enum class Extent { kAll, kPart };  // part: the next batch belongs to it

  void enqueue(Batch batch, Extent extent);
  void run();
  void store(std::vector<Batch>& batches, Ticket last, const SubmitTimes& submitted_at);
  void store_ahead(const std::vector<Batch>& batches);
  // With the mutex locked.
  void note_failure(std::string wrong);
  void release();

  std::unique_ptr<Database> database_;
  const std::string path_;
  EventLog& events_;
  StageTimes& times_;
  const std::function<void()> request_whole_;
  Recorder recorder_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Batch> queue_;
  std::size_t complete_ = 0;  // so many at the queue's front; the others are parts
  bool has_part_ = false;     // submitted, and what it belongs to isn't complete
  SubmitTimes submitted_at_;  // of those that are complete
  Ticket submitted_ = 0;      // the last that is complete
  Ticket settled_ = 0;        // up to here it is stored, or known that it isn't
  std::string problem_;       // not empty: nothing is stored until a whole state is
  bool has_whole_ = false;    // in the queue, or being written
  std::chrono::steady_clock::time_point next_request_;
  std::chrono::milliseconds retry_interval_{kFirstRetry};
  bool stopping_ = false;

  std::mutex waiting_mutex_;  // before mutex_; replies go out in order
  std::deque<Waiting> waiting_;

  std::thread thread_;
};

}  // namespace alkaid::agent::durable
