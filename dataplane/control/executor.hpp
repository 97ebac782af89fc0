// The control thread: the one thread that writes tables, opens and closes devices, and runs timers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <type_traits>

namespace alkaid {

class Executor {
 public:
  // Any other thread: runs `work` on the control thread and waits for its result. After stop() the
  // work is not run and std::future_error is thrown.
  template <class Work>
  auto run(Work&& work) -> std::invoke_result_t<Work&> {
    using Result = std::invoke_result_t<Work&>;
    std::packaged_task<Result()> task{std::ref(work)};
    auto result = task.get_future();
    post([&task] { task(); });
    return result.get();
  }

  // The control thread: does posted work and calls `tick` at least every `interval`, until stop().
  void serve(std::chrono::microseconds interval, const std::function<void()>& tick);

  // Any thread. Work that was posted before is still done.
  void stop();

 private:
  void post(std::function<void()> work);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
};

}  // namespace alkaid
