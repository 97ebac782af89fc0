// Tells when the Network Config Manager can't be asked, and when it can again.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include <grpcpp/support/status.h>

#include "control/agent/server/event_log.hpp"

namespace alkaid::agent {

// Any thread. Log and event, once for each outage and at most one outage in 10 s: every packet to
// an unknown destination may make a call that fails.
class NcmOutage {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kInterval{10};

  // way_out: what to look at when calls fail.
  NcmOutage(std::string address, std::string way_out, EventLog& events);

  // How a call ended. A cancelled one says nothing about the manager: it was ended on this side.
  void ended(const grpc::Status& status, Time now);

 private:
  const std::string address_;
  const std::string way_out_;
  EventLog& events_;
  std::mutex mutex_;
  bool is_told_ = false;
  Time next_{};  // before which no outage is told
};

}  // namespace alkaid::agent
