// How many connections there are and were. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/flow/connection_keeper.hpp"
#include "dataplane/flow/flow_state.hpp"
#include "dataplane/tables/table_occupancy.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

class ConnectionUsage {
 public:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  // Since start, of all workers and the keeper.
  struct Totals {
    std::uint64_t used = 0;  // now
    std::uint64_t created = 0;
    std::uint64_t evicted = 0;
    std::uint64_t expired = 0;
    std::uint64_t refused = 0;
  };

  ConnectionUsage(const FlowState& state, const ConnectionKeeper& keeper, const Workers& workers)
      : state_(state), keeper_(keeper), workers_(workers) {}

  // Remembers how many there are, for the high-water mark: call often.
  void tick();

  [[nodiscard]] Totals totals(bool ipv6) const;
  // Named "connections IPv4" and "connections IPv6".
  [[nodiscard]] TableOccupancy occupancy(bool ipv6) const;

 private:
  // All memory that there is because of connections.
  [[nodiscard]] std::uint64_t bytes(bool ipv6) const;

  const FlowState& state_;
  const ConnectionKeeper& keeper_;
  const Workers& workers_;
  std::array<std::uint64_t, 2> high_water_{};
};

}  // namespace alkaid
