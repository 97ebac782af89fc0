// Notices when a table begins to refuse objects, and when it has room again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "dataplane/tables/table_occupancy.hpp"

namespace alkaid {

// Control thread only.
class TableWatch {
 public:
  // full: the table has refused an object since the last call; otherwise it has room again.
  using Listener = std::function<void(const TableOccupancy&, bool full)>;
  using Clock = std::chrono::steady_clock;

  // Who was told of a full table is told of room in it this much later at the earliest, so that
  // retries of what still doesn't fit come seldom.
  static constexpr std::chrono::milliseconds kSettle{100};

  void on_change(Listener listener) { listener_ = std::move(listener); }
  void look(const TableOccupancy& occupancy, Clock::time_point now);

 private:
  struct State {
    std::uint64_t full_events = 0;
    bool full = false;
    Clock::time_point told;
  };

  Listener listener_;
  std::map<std::string, State> states_;
};

}  // namespace alkaid
