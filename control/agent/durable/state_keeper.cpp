#include "control/agent/durable/state_keeper.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

namespace alkaid::agent::durable {
namespace {

using Clock = std::chrono::steady_clock;

// Batches of this size leave holes behind that are worth giving back.
constexpr std::size_t kLargeWrite = 50000;

// It is in effect, but would be forgotten.
void mark_not_stored(GoalStateTask& task) {
  for (ResourceResult& result : task.decoded.results) {
    if (result.status == Status::kSuccess || result.status == Status::kPending) {
      result.status = Status::kFailure;
    }
  }
  for (SliceReport& slice : task.slices) {
    if (slice.problem.empty()) {
      slice.problem = "is in effect, but an agent that starts now doesn't know this version";
    }
  }
}

}  // namespace

StateKeeper::StateKeeper(std::unique_ptr<Database> database, EventLog& events, StageTimes& times,
                         std::function<void()> request_whole)
    : database_(std::move(database)),
      path_(database_->path()),
      events_(events),
      times_(times),
      request_whole_(std::move(request_whole)) {}

void StateKeeper::start() {
  thread_ = std::thread{[this] { run(); }};
}

void StateKeeper::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::string StateKeeper::problem() const {
  const std::lock_guard lock{mutex_};
  return problem_;
}

// ---------------------------------------------------------------- the reconciler's thread

void StateKeeper::enqueue(Batch batch, Extent extent) {
  {
    const std::lock_guard lock{mutex_};
    if (batch.empty() && (extent == Extent::kPart || !has_part_)) {
      return;
    }
    has_part_ = false;
    if (!problem_.empty() && !has_whole_ && !batch.is_whole()) {
      return;  // the whole state will hold it
    }
    has_whole_ = has_whole_ || batch.is_whole();
    queue_.push_back(std::move(batch));
    if (extent == Extent::kPart) {
      has_part_ = true;
    } else {
      complete_ = queue_.size();
      submitted_at_.push_back(Clock::now());
      ++submitted_;
    }
  }
  wake_.notify_one();
}

void StateKeeper::submit() {
  enqueue(recorder_.take(), Extent::kAll);
}

void StateKeeper::submit_ahead() {
  enqueue(recorder_.take(), Extent::kPart);
}

void StateKeeper::submit_whole(const DesiredStore& store, bool is_complete) {
  static_cast<void>(recorder_.take());  // the whole state has it
  store.describe(recorder_);
  recorder_.put_completeness(is_complete);
  Batch batch = recorder_.take();
  batch.set_whole();
  enqueue(std::move(batch), Extent::kAll);
}

void StateKeeper::finish(std::vector<std::unique_ptr<GoalStateTask>> tasks) {
  {
    const std::lock_guard waiting_lock{waiting_mutex_};
    const std::lock_guard lock{mutex_};
    waiting_.push_back({submitted_, std::move(tasks)});
  }
  release();
}

// ---------------------------------------------------------------- any of both threads

void StateKeeper::release() {
  const std::lock_guard waiting_lock{waiting_mutex_};
  Ticket settled = 0;
  bool is_stored = false;
  {
    const std::lock_guard lock{mutex_};
    settled = settled_;
    is_stored = problem_.empty();
  }
  while (!waiting_.empty() && waiting_.front().ticket <= settled) {
    for (auto& task : waiting_.front().tasks) {
      if (!is_stored) {
        mark_not_stored(*task);
      }
      task->done(*task);
    }
    waiting_.pop_front();
  }
}

// ---------------------------------------------------------------- the keeper's thread

void StateKeeper::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_ || !queue_.empty()) {
    const bool wants_whole = !problem_.empty() && !has_whole_ && !stopping_;
    if (queue_.empty() && wants_whole && Clock::now() >= next_request_) {
      next_request_ = Clock::now() + retry_interval_;
      lock.unlock();
      request_whole_();
      lock.lock();
    }
    const auto is_due = [this] { return stopping_ || !queue_.empty(); };
    if (wants_whole) {
      wake_.wait_until(lock, next_request_, is_due);
    } else {
      wake_.wait(lock, is_due);
    }
    if (queue_.empty()) {
      continue;
    }
    std::vector<Batch> batches = std::exchange(queue_, {});
    std::vector<Batch> parts;
    for (; batches.size() > complete_; batches.pop_back()) {
      parts.insert(parts.begin(), std::move(batches.back()));
    }
    complete_ = 0;
    const SubmitTimes submitted_at = std::exchange(submitted_at_, {});
    const Ticket last = submitted_;
    lock.unlock();
    std::size_t operations = 0;
    for (const Batch& batch : batches) {
      operations += batch.size();
    }
    if (!batches.empty()) {
      store(batches, last, submitted_at);
      release();
    }
    if (!parts.empty()) {
      store_ahead(parts);
      release();  // if it failed, of what they belong to
    }
    batches.clear();
    if (operations >= kLargeWrite) {
      ::malloc_trim(0);
    }
    lock.lock();
  }
}

void StateKeeper::store(std::vector<Batch>& batches, Ticket last, const SubmitTimes& submitted_at) {
  // What came before a whole state is part of it.
  const auto whole = std::find_if(batches.rbegin(), batches.rend(),
                                  [](const Batch& batch) { return batch.is_whole(); });
  const bool has_whole = whole != batches.rend();
  if (has_whole) {
    batches.erase(batches.begin(), std::prev(whole.base()));
  }
  std::string wrong = database_->write(batches);
  if (wrong.empty()) {
    const auto now = Clock::now();
    for (const auto& start : submitted_at) {
      times_.note(Stage::kStore, now - start);
    }
  }

  const std::lock_guard lock{mutex_};
  settled_ = last;
  if (!wrong.empty()) {
    note_failure(std::move(wrong));
  } else if (has_whole) {
    has_whole_ = false;
    problem_.clear();
    const std::string_view text = "all goal states are stored again";
    spdlog::info("{}", text);
    events_.add(v1::Event::INFO, "state_stored", std::string{text});
  }
}

void StateKeeper::store_ahead(const std::vector<Batch>& batches) {
  if (!problem().empty()) {
    return;  // what they belong to isn't stored either
  }
  std::string wrong = database_->write_ahead(batches);
  if (!wrong.empty()) {
    const std::lock_guard lock{mutex_};
    note_failure(std::move(wrong));
  }
}

void StateKeeper::note_failure(std::string wrong) {
  if (problem_.empty()) {
    const std::string text = fmt::format(
        "goal states can't be stored: {}. They are in effect but answered FAILURE, "
        "and an agent that starts now doesn't know them",
        wrong);
    spdlog::error("{}", text);
    events_.add(v1::Event::ERROR, "state_not_stored", text);
    retry_interval_ = kFirstRetry;
  } else {
    retry_interval_ = std::min(2 * retry_interval_, kLastRetry);
  }
  problem_ = std::move(wrong);
  queue_.clear();  // what came meanwhile is of no use without what was lost
  submitted_at_.clear();
  complete_ = 0;
  settled_ = submitted_;
  has_whole_ = false;
  next_request_ = Clock::now() + retry_interval_;
}

}  // namespace alkaid::agent::durable
