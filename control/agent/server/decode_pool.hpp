// Threads that parse and decode large messages, so that gRPC's own threads go on serving.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace alkaid::agent {

class DecodePool {
 public:
  explicit DecodePool(std::size_t threads);
  ~DecodePool() { stop(); }
  DecodePool(const DecodePool&) = delete;
  DecodePool& operator=(const DecodePool&) = delete;

  // Any thread. Jobs start in order.
  void post(std::function<void()> job);

  // Finishes the jobs that run, drops those that wait.
  void stop();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace alkaid::agent
