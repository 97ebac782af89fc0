// Goal states on demand, the agent's part: asks the Network Config Manager for what the data plane
// misses, and forgets what was learnt so when nobody uses it. Design: docs/design/on-demand.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/agent/ncm/ncm.hpp"
#include "control/agent/on_demand/learnt_neighbors.hpp"
#include "control/agent/on_demand/miss_source.hpp"
#include "control/agent/on_demand/requester.hpp"

namespace alkaid::agent {

struct OnDemandSettings {
  std::chrono::milliseconds idle{60000};  // after which learnt neighbors are forgotten
  RequesterSettings requester;
};

class OnDemand {
 public:
  // forget: takes neighbors out of the desired state; any thread, must not block.
  using Forget = std::function<void(std::vector<NeighborKey>)>;

  OnDemand(const std::string& dataplane_socket, std::unique_ptr<Ncm> ncm,
           const OnDemandSettings& settings, Forget forget);
  ~OnDemand() { stop(); }
  OnDemand(const OnDemand&) = delete;
  OnDemand& operator=(const OnDemand&) = delete;

  void start();
  void stop();
  // Until stop().
  [[nodiscard]] Ncm& ncm() { return *ncm_; }

 private:
  using Clock = Requester::Clock;

  // Runs `event` on the thread that owns the requester, in order. False: this stops, and it never
  // runs.
  bool post(std::function<void()> event);
  void watch();  // a thread of its own
  void work();   // the thread that owns requester and learnt neighbors
  void age();    // a thread of its own, since the data plane may look for long
  void take(const dataplane::v1::MissBatch& batch);
  void send_calls();

  const OnDemandSettings settings_;
  const Forget forget_;
  MissSource source_;
  Requester requester_;
  LearntNeighbors learnt_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable stop_;
  std::deque<std::function<void()>> events_;
  bool stopping_ = false;
  // Before the queue goes: its callbacks post there.
  std::unique_ptr<Ncm> ncm_;
  std::thread watcher_;
  std::thread worker_;
  std::thread ager_;
};

}  // namespace alkaid::agent
