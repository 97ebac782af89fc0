#include "control/agent/reconcile/apply_pipe.hpp"

#include <utility>

namespace alkaid::agent {

ApplyPipe::~ApplyPipe() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void ApplyPipe::start(api::ApplyRequest request) {
  if (!thread_.joinable()) {
    thread_ = std::thread{[this] { run(); }};
  }
  ++under_way_;
  {
    const std::lock_guard lock{mutex_};
    waiting_.emplace_back().request = std::move(request);
  }
  wake_.notify_all();
}

bool ApplyPipe::has_finished() {
  const std::lock_guard lock{mutex_};
  return !done_.empty();
}

ApplyPipe::Write ApplyPipe::finish() {
  --under_way_;
  std::unique_lock lock{mutex_};
  wake_.wait(lock, [this] { return !done_.empty(); });
  Write write = std::move(done_.front());
  done_.pop_front();
  return write;
}

void ApplyPipe::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) {
      return;
    }
    Write write = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    write.status = client_.apply(write.request, write.response);
    write.spent = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start);
    lock.lock();
    const grpc::Status status = write.status;
    done_.push_back(std::move(write));
    // What is behind a failed one would wait for the same data plane, one after the other.
    while (!status.ok() && !waiting_.empty()) {
      done_.push_back(std::move(waiting_.front()));
      done_.back().status = status;
      waiting_.pop_front();
    }
    wake_.notify_all();
  }
}

}  // namespace alkaid::agent
