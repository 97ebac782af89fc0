#include "dataplane/control/table_watch.hpp"

namespace alkaid {
namespace {

bool is_calm(const TableOccupancy& occupancy) {
  return occupancy.used * 100 < occupancy.capacity * TableWatch::kCalmPercent;
}

}  // namespace

void TableWatch::look_at_level(const TableOccupancy& occupancy, State& state) {
  const bool is_high = occupancy.used * 100 >= occupancy.capacity * kHighPercent;
  if (state.high ? is_calm(occupancy) : is_high) {
    state.high = !state.high;
    if (level_listener_) {
      level_listener_(occupancy, state.high);
    }
  }
}

void TableWatch::look(const TableOccupancy& occupancy, Clock::time_point now, Filler filler) {
  State& state = states_[occupancy.name];
  if (filler == Filler::kTraffic && state.full && is_calm(occupancy)) {
    state.high = false;  // that it has room again says it
  } else {
    look_at_level(occupancy, state);
  }
  const bool refused = occupancy.full_events != state.full_events &&
                       (filler == Filler::kAgent || !is_calm(occupancy));
  state.full_events = occupancy.full_events;
  if (refused && state.full) {
    // Still full, or full again before anybody was told of the room.
    state.told = now;
    return;
  }
  const bool has_room =
      (filler == Filler::kAgent ? occupancy.used < occupancy.capacity : is_calm(occupancy)) &&
      now >= state.told + kSettle;
  if (refused || (state.full && has_room)) {
    state.full = refused;
    state.told = now;
    if (listener_) {
      listener_(occupancy, state.full);
    }
  }
}

}  // namespace alkaid
