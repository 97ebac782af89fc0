#include "dataplane/control/executor.hpp"

namespace alkaid {

void Executor::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      throw std::future_error(std::future_errc::broken_promise);
    }
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void Executor::serve(std::chrono::microseconds interval, const std::function<void()>& tick) {
  auto next_tick = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_ || !queue_.empty()) {
    wake_.wait_until(lock, next_tick, [this] { return stopping_ || !queue_.empty(); });
    if (!queue_.empty()) {
      const auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
    if (std::chrono::steady_clock::now() >= next_tick) {
      lock.unlock();
      tick();
      lock.lock();
      next_tick = std::chrono::steady_clock::now() + interval;
    }
  }
}

void Executor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

}  // namespace alkaid
