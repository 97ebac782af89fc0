#include "control/agent/on_demand/learnt_neighbors.hpp"

namespace alkaid::agent {

void LearntNeighbors::learn(const LearntNeighbor& neighbor, Time now) {
  Entry& entry = entries_[neighbor.key];
  entry.ports.insert(neighbor.ports.begin(), neighbor.ports.end());
  entry.look_at = now + idle_;
}

std::vector<NeighborKey> LearntNeighbors::port_gone(const std::string& port) {
  std::vector<NeighborKey> gone;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool had_it = entry->second.ports.erase(port) > 0;
    if (had_it && entry->second.ports.empty()) {
      gone.push_back(entry->first);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
  return gone;
}

std::vector<NeighborKey> LearntNeighbors::take_suspects(Time now, std::size_t most) {
  std::vector<NeighborKey> suspects;
  for (auto& [key, entry] : entries_) {
    if (suspects.size() >= most) {
      break;
    }
    if (entry.look_at <= now) {
      suspects.push_back(key);
      entry.look_at = now + idle_;
    }
  }
  return suspects;
}

bool LearntNeighbors::judge(const NeighborKey& key, std::uint32_t idle_milliseconds, Time now) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) {
    return false;
  }
  const std::chrono::milliseconds idle{idle_milliseconds};
  if (idle_milliseconds == kNeverUsed || idle >= idle_) {
    entries_.erase(entry);
    return true;
  }
  entry->second.look_at = now + (idle_ - idle);
  return false;
}

}  // namespace alkaid::agent
