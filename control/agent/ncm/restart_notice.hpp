// Tells the Network Config Manager that this agent has started.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/support/status.h>

#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/server/event_log.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

// One RequestGoalStates with request type AGENT_RESTARTED and this host's address as source_ip,
// again and again with growing pauses until a manager has taken it. What it answers with or pushes
// doesn't matter here: a manager may ignore it.
class RestartNotice {
 public:
  // Must not wait; `done` is called once, on another thread, possibly after this object's end.
  using Send = std::function<void(const alcor::schema::HostRequest& request,
                                  std::chrono::milliseconds deadline,
                                  std::function<void(const grpc::Status&)> done)>;
  struct Pauses {
    std::chrono::milliseconds first{1000};
    std::chrono::milliseconds longest{30000};
  };

  // own_addresses: of this host, the one that goal states name first; empty while unknown. Called
  // on this object's thread.
  RestartNotice(Send send, std::function<std::vector<IpAddress>()> own_addresses, EventLog& events,
                Pauses pauses);
  ~RestartNotice() { stop(); }
  RestartNotice(const RestartNotice&) = delete;
  RestartNotice& operator=(const RestartNotice&) = delete;

  void start();
  // `send` is not called afterwards.
  void stop();

 private:
  void run();
  // False: stopped meanwhile.
  bool pause(std::chrono::milliseconds time);
  // The manager has taken it, or never will.
  bool tell(const alcor::schema::HostRequest& request);

  const Send send_;
  const std::function<std::vector<IpAddress>()> own_addresses_;
  EventLog& events_;
  const Pauses pauses_;
  bool has_failed_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace alkaid::agent
