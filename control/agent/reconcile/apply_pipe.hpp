// Writes to the data plane while the reconciler prepares the next ones.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>

#include "control/agent/reconcile/dataplane_client.hpp"

namespace alkaid::agent {

// Belongs to the reconciler's thread. While anything is under way the client must not be used
// otherwise.
class ApplyPipe {
 public:
  static constexpr std::size_t kMostUnderWay = 3;

  struct Write {
    api::ApplyRequest request;
    api::ApplyResponse response;
    grpc::Status status;
    std::chrono::microseconds spent{0};
  };

  explicit ApplyPipe(DataplaneClient& client) : client_(client) {}
  // Waits for what is under way, which the client's owner may interrupt.
  ~ApplyPipe();
  ApplyPipe(const ApplyPipe&) = delete;
  ApplyPipe& operator=(const ApplyPipe&) = delete;

  // Writes are carried out in this order. Not if kMostUnderWay are under way.
  void start(api::ApplyRequest request);
  // Waits for the oldest write; only if any is under way.
  Write finish();
  [[nodiscard]] std::size_t under_way() const { return under_way_; }
  // finish() wouldn't wait.
  [[nodiscard]] bool has_finished();

 private:
  void run();

  DataplaneClient& client_;
  std::size_t under_way_ = 0;
  std::thread thread_;  // from the first write on

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Write> waiting_;
  std::deque<Write> done_;
  bool stopping_ = false;
};

}  // namespace alkaid::agent
