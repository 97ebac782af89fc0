// Neighbors that came because they were asked for, and are forgotten when nobody uses them.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/agent/desired/learnt.hpp"

namespace alkaid::agent {

// One thread's.
class LearntNeighbors {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::uint32_t kNeverUsed = UINT32_MAX;

  explicit LearntNeighbors(std::chrono::milliseconds idle) : idle_(idle) {}

  void learn(const LearntNeighbor& neighbor, Time now);
  // Those that only this port has asked for; they are learnt no more.
  std::vector<NeighborKey> port_gone(const std::string& port);

  // Those that have been known for so long that they may be idle, at most `most`; what is handed
  // out is not handed out again before it may be idle again.
  std::vector<NeighborKey> take_suspects(Time now, std::size_t most);
  // Says since when a suspect has not been used. True: it is learnt no more and to be forgotten.
  bool judge(const NeighborKey& key, std::uint32_t idle_milliseconds, Time now);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::set<std::string> ports;
    Time look_at;
  };

  const std::chrono::milliseconds idle_;
  std::unordered_map<NeighborKey, Entry> entries_;
};

}  // namespace alkaid::agent
