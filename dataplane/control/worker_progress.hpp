// Whether every worker goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace alkaid {

// One thread at a time, any.
class WorkerProgress {
 public:
  // walks: how often each worker has walked its graph; idle ones walk too. True if all have walked
  // on since this was true the last time: never again once one of them is stuck.
  bool all_moved(std::span<const std::uint64_t> walks) {
    const bool same_workers = walks.size() == former_.size();
    for (std::size_t i = 0; same_workers && i < walks.size(); ++i) {
      if (walks[i] == former_[i]) {
        return false;
      }
    }
    former_.assign(walks.begin(), walks.end());
    return true;
  }

 private:
  std::vector<std::uint64_t> former_;  // when all had moved
};

}  // namespace alkaid
