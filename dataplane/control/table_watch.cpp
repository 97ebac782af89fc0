#include "dataplane/control/table_watch.hpp"

namespace alkaid {

void TableWatch::look(const TableOccupancy& occupancy, Clock::time_point now) {
  State& state = states_[occupancy.name];
  const bool refused = occupancy.full_events != state.full_events;
  state.full_events = occupancy.full_events;
  if (refused && state.full) {
    // Still full, or full again before anybody was told of the room.
    state.told = now;
    return;
  }
  const bool has_room = occupancy.used < occupancy.capacity && now >= state.told + kSettle;
  if (refused || (state.full && has_room)) {
    state.full = refused;
    state.told = now;
    if (listener_) {
      listener_(occupancy, state.full);
    }
  }
}

}  // namespace alkaid
