// Asks the data plane again and again whether it answers, also while nobody else has a question.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"

namespace alkaid::agent {

// start() and stop() from one thread. On a connection of its own.
class DataplaneProbe {
 public:
  // What takes longer is no answer.
  static constexpr std::chrono::seconds kPatience{3};

  explicit DataplaneProbe(const std::string& socket_path);
  ~DataplaneProbe() { stop(); }
  DataplaneProbe(const DataplaneProbe&) = delete;
  DataplaneProbe& operator=(const DataplaneProbe&) = delete;

  // changed is called when answers() has changed, on a thread of the probe's own.
  void start(std::function<void()> changed);
  void stop();

  // Whether its control thread answered the last question; false before the first one. Any thread.
  [[nodiscard]] bool answers() const { return answers_; }

 private:
  static constexpr std::chrono::milliseconds kInterval{500};

  void run();
  grpc::Status ask();

  std::unique_ptr<dataplane::v1::Dataplane::Stub> stub_;
  std::function<void()> changed_;
  std::atomic<bool> answers_{false};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  grpc::ClientContext* asking_ = nullptr;
  std::thread thread_;
};

}  // namespace alkaid::agent
