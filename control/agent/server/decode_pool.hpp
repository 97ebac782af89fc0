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
  // The same for a part of a message that has begun: those start before messages that have not,
  // since the reconciler waits for them and whoever is behind waits for it.
  void post_part(std::function<void()> job);

  // Finishes the jobs that run, drops those that wait.
  void stop();

 private:
  void run();
  void add(std::deque<std::function<void()>>& jobs, std::function<void()> job);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::deque<std::function<void()>> parts_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace alkaid::agent
