// The offload thread: does with drivers what it is asked to, one thing after another, since a
// driver may take its time. All calls to drivers about rules are its.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "dataplane/offload/rule_book.hpp"
#include "dataplane/offload/rule_request.hpp"

namespace alkaid {

// Control thread.
class RuleExecutor {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  explicit RuleExecutor(const RuleBookSettings& settings)
      : settings_(settings), queues_(std::make_shared<Queues>(settings)) {}
  // stop() was called, if it may have a thread.
  ~RuleExecutor() = default;
  RuleExecutor(const RuleExecutor&) = delete;
  RuleExecutor& operator=(const RuleExecutor&) = delete;

  // From the next request on there is a thread, with the caller's CPU affinity. Until then, and for
  // good in tests that step by hand, wait() and step() do the work.
  void allow_thread() { may_have_thread_ = true; }
  // What is not urgent is left undone. After the deadline the thread is given up, where it hangs in
  // a driver.
  void stop(Deadline deadline);

  // Urgent ones are done in their order before all others. first: before these too.
  void submit(RuleRequest request, bool first = false);
  // What has been done since the last call.
  std::vector<RuleOutcome> take();
  // The same; waits until something has been done or the time has come.
  std::vector<RuleOutcome> wait(Deadline deadline);
  // Without a thread: does all that was asked for.
  void step();

  // Whose outcomes have not been taken.
  [[nodiscard]] std::size_t pending() const { return pending_; }
  [[nodiscard]] bool has_thread() const { return thread_.joinable(); }

 private:
  // Of the thread too, which may outlive this object.
  struct Queues {
    explicit Queues(const RuleBookSettings& settings) : book(settings) {}

    std::mutex mutex;
    std::condition_variable wanted;
    std::condition_variable done;
    std::deque<RuleRequest> urgent;
    std::deque<RuleRequest> others;
    std::vector<RuleOutcome> outcomes;
    bool is_stopping = false;
    bool has_ended = false;
    RuleBook book;  // of who does the work
  };

  static void run(Queues& queues);
  // False: there was nothing to do.
  static bool do_one(Queues& queues);
  std::vector<RuleOutcome> count(std::vector<RuleOutcome> outcomes);

  const RuleBookSettings settings_;
  std::shared_ptr<Queues> queues_;
  bool may_have_thread_ = false;
  std::size_t pending_ = 0;
  std::thread thread_;
};

}  // namespace alkaid
