// How many connections count against each guest port's quota.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/worker/counter.hpp"

namespace alkaid {

// Counters of each writer's own, so that making and ending connections costs no locked instruction.
// Who ends a connection is often not who made it: only the sum means anything.
class PortConnections {
 public:
  // Writers: workers by index, and behind them the control thread. Throws std::bad_alloc.
  PortConnections(std::size_t workers, std::size_t ports) {
    for (std::size_t i = 0; i <= workers; ++i) {
      counts_.emplace_back(ports);
    }
  }

  // ---- the writer's thread
  void add(std::size_t writer, std::uint32_t port) { counts_[writer][port].add(1); }
  void subtract(std::size_t writer, std::uint32_t port) {
    counts_[writer][port].add(~std::uint64_t{0});
  }

  // ---- any thread
  // About, while others write.
  [[nodiscard]] std::uint32_t of(std::uint32_t port) const {
    std::uint64_t sum = 0;
    for (const auto& counts : counts_) {
      sum += counts[port].read();
    }
    // An end may be read whose beginning was not.
    return static_cast<std::int64_t>(sum) > 0 ? static_cast<std::uint32_t>(sum) : 0;
  }
  [[nodiscard]] std::size_t control_thread() const { return counts_.size() - 1; }

 private:
  std::vector<std::vector<Counter>> counts_;
};

}  // namespace alkaid
