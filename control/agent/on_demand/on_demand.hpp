// Goal states on demand, the agent's part: asks the Network Config Manager for what the data plane
// misses, and forgets what was learnt so when nobody uses it. Design: docs/design/on-demand.md.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
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
  struct Activity {
    Requester::Counts counts;
    std::size_t questions = 0;  // that are remembered: waiting, asked, or silent for a while
    std::size_t learnt = 0;     // neighbors
  };

  // On the desired state; any thread, must not block.
  struct Effects {
    std::function<void(std::vector<LearntNeighbor>)> learn;  // remembers them for the next agent
    std::function<void(std::vector<NeighborKey>)> forget;    // takes them out
  };

  // learnt: by the agent before this one.
  OnDemand(const std::string& dataplane_socket, std::unique_ptr<Ncm> ncm,
           const OnDemandSettings& settings, const std::vector<LearntNeighbor>& learnt,
           Effects effects);
  ~OnDemand() { stop(); }
  OnDemand(const OnDemand&) = delete;
  OnDemand& operator=(const OnDemand&) = delete;

  void start();
  void stop();
  // Any thread.
  [[nodiscard]] Activity activity() const;
  // Until stop().
  [[nodiscard]] Ncm& ncm() { return *ncm_; }

 private:
  using Clock = Requester::Clock;

  // Any thread: does `event` with requester and learnt neighbors locked, then sends what is to be
  // asked by now, without a change of threads. After stop(): nothing.
  template <class Event>
  void handle(Event&& event);
  void send(Requester::Call call);
  void watch();  // a thread of its own
  void work();   // a thread of its own, for what time brings and for calls that take some
  void age();    // a thread of its own, since the data plane may look for long
  void take(const dataplane::v1::MissBatch& batch);

  const OnDemandSettings settings_;
  const Effects effects_;
  MissSource source_;

  mutable std::mutex mutex_;
  Requester requester_;
  LearntNeighbors learnt_;
  std::vector<std::uint64_t> ended_;  // misses that the data plane is to be told of
  Clock::time_point wakes_at_;        // work(), by itself
  std::size_t sending_ = 0;           // threads that are about to use ncm_
  bool stopping_ = false;
  std::condition_variable wake_;
  std::condition_variable stop_;
  std::condition_variable sent_;

  // Before what its callbacks use goes.
  std::unique_ptr<Ncm> ncm_;
  std::thread watcher_;
  std::thread worker_;
  std::thread ager_;
};

}  // namespace alkaid::agent
