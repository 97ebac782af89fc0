#include "dataplane/offload/rule_executor.hpp"

#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace alkaid {
namespace {

// Rules that somebody waits for are read before they are removed as long as few others are behind
// them.
constexpr std::size_t kFew = 16;

}  // namespace

void RuleExecutor::stop(Deadline deadline) {
  if (!has_thread()) {
    return;
  }
  bool has_ended = false;
  {
    std::unique_lock lock{queues_->mutex};
    queues_->is_stopping = true;
    queues_->others.clear();
    queues_->wanted.notify_one();
    has_ended = queues_->done.wait_until(lock, deadline, [this] { return queues_->has_ended; });
    queues_->urgent.clear();
  }
  if (has_ended) {
    thread_.join();
  } else {
    spdlog::error("offload: a driver doesn't return; its thread is given up");
    thread_.detach();
  }
  queues_ = std::make_shared<Queues>(settings_);
  may_have_thread_ = false;
  pending_ = 0;
}

void RuleExecutor::submit(RuleRequest request, bool first) {
  ++pending_;
  {
    const std::lock_guard lock{queues_->mutex};
    auto& queue = request.is_urgent ? queues_->urgent : queues_->others;
    if (first) {
      queue.push_front(std::move(request));
    } else {
      queue.push_back(std::move(request));
    }
  }
  if (has_thread()) {
    queues_->wanted.notify_one();
  } else if (may_have_thread_) {
    thread_ = std::thread([queues = queues_] { run(*queues); });
  }
}

std::vector<RuleOutcome> RuleExecutor::count(std::vector<RuleOutcome> outcomes) {
  pending_ -= outcomes.size();
  return outcomes;
}

std::vector<RuleOutcome> RuleExecutor::take() {
  const std::lock_guard lock{queues_->mutex};
  return count(std::exchange(queues_->outcomes, {}));
}

std::vector<RuleOutcome> RuleExecutor::wait(Deadline deadline) {
  if (!has_thread()) {
    step();
    return take();
  }
  std::unique_lock lock{queues_->mutex};
  queues_->done.wait_until(lock, deadline, [this] { return !queues_->outcomes.empty(); });
  return count(std::exchange(queues_->outcomes, {}));
}

void RuleExecutor::step() {
  while (!has_thread() && do_one(*queues_)) {
  }
}

void RuleExecutor::run(Queues& queues) {
  for (;;) {
    if (do_one(queues)) {
      continue;
    }
    std::unique_lock lock{queues.mutex};
    queues.wanted.wait(lock, [&queues] {
      return queues.is_stopping || !queues.urgent.empty() || !queues.others.empty();
    });
    if (queues.is_stopping && queues.urgent.empty() && queues.others.empty()) {
      queues.has_ended = true;
      queues.done.notify_one();
      return;
    }
  }
}

bool RuleExecutor::do_one(Queues& queues) {
  std::optional<RuleRequest> request;
  bool may_read = true;
  {
    const std::lock_guard lock{queues.mutex};
    auto& queue = queues.urgent.empty() ? queues.others : queues.urgent;
    if (queue.empty()) {
      return false;
    }
    request = std::move(queue.front());
    queue.pop_front();
    may_read = !request->is_urgent || queues.urgent.size() < kFew;
  }
  RuleOutcome outcome = queues.book.execute(*request, may_read);
  {
    const std::lock_guard lock{queues.mutex};
    queues.outcomes.push_back(std::move(outcome));
  }
  queues.done.notify_one();
  return true;
}

}  // namespace alkaid
