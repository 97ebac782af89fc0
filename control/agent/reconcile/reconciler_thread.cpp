#include "control/agent/reconcile/reconciler_thread.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include <malloc.h>

namespace alkaid::agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kReconnectInterval = std::chrono::milliseconds{100};
// Of one write: enough to share its cost, few enough that the first of them doesn't wait long.
constexpr std::size_t kMostTasks = 256;
constexpr std::size_t kMostResources = 100000;
// Resources of a message that is merged between the parts of a large one.
constexpr std::size_t kSmallMessage = 1024;
// Neighbors of a message that are stored while more of them are merged. Of larger ones it pays to
// sort them all together.
constexpr std::size_t kMostStoredAhead = 32768;
// Messages of this size leave holes behind that are worth giving back; so long after the last one,
// when gRPC has sent its reply and let go of its bytes, and the disk has it.
constexpr std::size_t kLargeMessage = 8192;
constexpr std::chrono::milliseconds kUntilTrim{500};

// Resources of a message whose parts have not come yet.
std::size_t size_of(const GoalStateTask& task) {
  return task.decoded.results.size() + task.neighbors_coming;
}

}  // namespace

void ReconcilerThread::start() {
  publish_own_addresses();
  thread_ = std::thread{[this] { run(); }};
}

void ReconcilerThread::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void ReconcilerThread::submit(std::unique_ptr<GoalStateTask> task) {
  {
    const std::lock_guard lock{mutex_};
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ReconcilerThread::post(std::function<void(Reconciler&)> call) {
  {
    const std::lock_guard lock{mutex_};
    calls_.push_back(std::move(call));
  }
  wake_.notify_one();
}

void ReconcilerThread::look(std::function<void(Reconciler&)> call) {
  reconciler_.attendance().look([this, call = std::move(call)] { call(reconciler_); });
}

std::vector<IpAddress> ReconcilerThread::own_addresses() const {
  const std::lock_guard lock{mutex_};
  return own_addresses_;
}

void ReconcilerThread::publish_own_addresses() {
  const std::lock_guard lock{mutex_};
  own_addresses_ = reconciler_.own_addresses();
}

// Their neighbors are written with those of the large one. They are answered with it, and what else
// is in them takes effect then: answers of a Network Config Manager hold neighbors.
void ReconcilerThread::merge_small_ones(const GoalStateTask& large, Tasks& others) {
  Tasks small;
  {
    const std::lock_guard lock{mutex_};
    std::set<const void*> behind{large.sender};
    // A slice's messages keep their order, whoever sends them: they build on each other.
    std::set<std::string_view> slices_behind;
    if (large.decoded.slice) {
      slices_behind.insert(large.decoded.slice->name);
    }
    for (auto task = tasks_.begin();
         task != tasks_.end() && others.size() + small.size() < kMostTasks;) {
      const auto& slice = (*task)->decoded.slice;
      const bool may_come_between = !slice || (slice->operation == SliceOperation::kDelta &&
                                               !slices_behind.contains(slice->name));
      const bool is_small =
          (*task)->coming.empty() && (*task)->decoded.results.size() <= kSmallMessage;
      if (is_small && may_come_between && !behind.contains((*task)->sender)) {
        small.push_back(std::move(*task));
        task = tasks_.erase(task);
        continue;
      }
      behind.insert((*task)->sender);
      if (slice) {
        slices_behind.insert(slice->name);
      }
      ++task;
    }
  }
  for (auto& task : small) {
    stage_times_.note(Stage::kWait, Clock::now() - task->received);
    reconciler_.merge_between(*task);
    others.push_back(std::move(task));
  }
}

bool ReconcilerThread::merge(GoalStateTask& task, Tasks& others) {
  reconciler_.merge(task);
  task.decoded.results.reserve(size_of(task));
  try {
    for (auto& coming : task.coming) {
      reconciler_.merge_part(task, coming.get());
      merge_small_ones(task, others);
      reconciler_.attendance().serve();
      reconciler_.write_ahead();
      if (durability_ != nullptr && task.neighbors_coming <= kMostStoredAhead) {
        durability_->submit_ahead();
      }
    }
  } catch (const std::future_error&) {
    return false;
  }
  reconciler_.end_merge(task);
  return true;
}

bool ReconcilerThread::process(Tasks& tasks) {
  const auto start = Clock::now();
  std::size_t resources = 0;
  bool is_complete = true;
  Tasks others;
  for (auto& task : tasks) {
    stage_times_.note(Stage::kWait, start - task->received);
    resources += size_of(*task);
    is_complete = merge(*task, others) && is_complete;
  }
  std::move(others.begin(), others.end(), std::back_inserter(tasks));
  const auto merged = Clock::now();
  if (!is_complete) {
    return false;
  }
  if (durability_ != nullptr) {
    durability_->submit();  // stored while the data plane is programmed
  }
  const auto spent = reconciler_.flush();
  stage_times_.note(Stage::kMerge, merged - start);
  stage_times_.note(Stage::kProgram, spent);
  for (auto& task : tasks) {
    task->programming = spent;
    reconciler_.conclude(*task);
    if (durability_ == nullptr) {
      task->done(*task);
    }
  }
  if (durability_ != nullptr) {
    durability_->finish(std::move(tasks));
  }
  tasks.clear();
  if (resources > kLargeMessage) {
    trims_at_ = Clock::now() + kUntilTrim;
  }
  return true;
}

void ReconcilerThread::run() {
  auto next_connect = Clock::now();
  auto next_retry = Clock::now() + reconciler_.retry_interval();
  Tasks tasks;
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    const auto deadline = std::min(trims_at_, reconciler_.connected() ? next_retry : next_connect);
    lock.unlock();
    {
      const Attendance::Absence away{reconciler_.attendance()};
      lock.lock();
      wake_.wait_until(lock, deadline,
                       [this] { return stopping_ || !tasks_.empty() || !calls_.empty(); });
      lock.unlock();
    }
    lock.lock();
    if (stopping_) {
      break;
    }
    auto calls = std::exchange(calls_, {});
    std::size_t resources = 0;
    // A large one is the last: what is behind it may be merged between its parts.
    while (!tasks_.empty() && tasks.size() < kMostTasks && resources < kMostResources &&
           (tasks.empty() || tasks.back()->coming.empty())) {
      resources += size_of(*tasks_.front());
      tasks.push_back(std::move(tasks_.front()));
      tasks_.pop_front();
    }
    lock.unlock();

    for (auto& call : calls) {
      call(reconciler_);
    }
    if (!reconciler_.connected() && Clock::now() >= next_connect) {
      if (reconciler_.connect()) {
        publish_own_addresses();
      }
      next_connect = Clock::now() + kReconnectInterval;
    }
    if (!tasks.empty()) {
      if (!process(tasks)) {
        return;  // the agent ends in the middle of a message: what came of it is not stored
      }
      next_retry = std::min(next_retry, Clock::now() + reconciler_.retry_interval());
    }
    if (reconciler_.wants_retry() || Clock::now() >= next_retry) {
      reconciler_.retry();
      next_retry = Clock::now() + reconciler_.retry_interval();
    }
    if (durability_ != nullptr) {
      durability_->submit();
    }
    if (Clock::now() >= trims_at_) {
      trims_at_ = Clock::time_point::max();
      ::malloc_trim(0);
    }
    lock.lock();
  }
}

}  // namespace alkaid::agent
