#include "control/agent/server/decode_pool.hpp"

#include <utility>

namespace alkaid::agent {

DecodePool::DecodePool(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
  }
}

void DecodePool::post(std::function<void()> job) {
  add(jobs_, std::move(job));
}

void DecodePool::post_part(std::function<void()> job) {
  add(parts_, std::move(job));
}

void DecodePool::add(std::deque<std::function<void()>>& jobs, std::function<void()> job) {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) {
      return;
    }
    jobs.push_back(std::move(job));
  }
  wake_.notify_one();
}

void DecodePool::stop() {
  std::deque<std::function<void()>> dropped;
  std::deque<std::function<void()>> dropped_parts;
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    dropped.swap(jobs_);
    dropped_parts.swap(parts_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
}

void DecodePool::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !parts_.empty(); });
    if (stopping_) {
      return;
    }
    auto& jobs = parts_.empty() ? jobs_ : parts_;
    auto job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace alkaid::agent
