// Notices when a table is nearly full, begins to refuse objects, and has room again.
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
  // high: kHighPercent of the table are used; otherwise it has fallen below kCalmPercent again.
  using LevelListener = std::function<void(const TableOccupancy&, bool high)>;
  using Clock = std::chrono::steady_clock;

  // Who was told of a full table is told of room in it this much later at the earliest, so that
  // retries of what still doesn't fit come seldom.
  static constexpr std::chrono::milliseconds kSettle{100};
  static constexpr std::uint64_t kHighPercent = 80;
  static constexpr std::uint64_t kCalmPercent = 75;

  // Whom a full table refuses something.
  enum class Filler {
    kAgent,    // tries again as soon as there is any room
    kTraffic,  // goes on anyhow: full until calm again, and refusals of a calm table aren't its own
  };

  void on_change(Listener listener) { listener_ = std::move(listener); }
  void on_level(LevelListener listener) { level_listener_ = std::move(listener); }
  void look(const TableOccupancy& occupancy, Clock::time_point now, Filler filler = Filler::kAgent);

 private:
  struct State {
    std::uint64_t full_events = 0;
    bool full = false;
    bool high = false;
    Clock::time_point told;
  };

  void look_at_level(const TableOccupancy& occupancy, State& state);

  Listener listener_;
  LevelListener level_listener_;
  std::map<std::string, State> states_;
};

}  // namespace alkaid
