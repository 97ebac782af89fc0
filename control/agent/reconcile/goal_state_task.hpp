// One goal-state message on its way through the reconciler.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "control/agent/goal_state/decoded_goal_state.hpp"

namespace alkaid::agent {

// Why a resource isn't in effect.
struct Condition {
  Status status = Status::kSuccess;
  std::string field;
  std::string value;
  std::string message;
};

// Some of a large message's neighbors, decoded apart from the rest.
struct NeighborPart {
  std::shared_ptr<const void> messages;  // keeps alive what `decoded` points into
  DecodedGoalState decoded;              // neighbors only
};

struct GoalStateTask {
  const void* sender = nullptr;         // whose messages take effect in their order
  std::shared_ptr<const void> message;  // keeps alive what `decoded` points into
  DecodedGoalState decoded;
  // Neighbors that are decoded while others are merged already: they come after those of `decoded`,
  // in this order. A broken promise means that the agent stops.
  std::vector<std::future<NeighborPart>> coming;
  std::size_t neighbors_coming = 0;
  std::vector<NeighborPart> parts;  // that came; their results are in `decoded`
  std::vector<SliceReport> slices;  // that are told
  bool is_refused = false;          // as a whole, because of its slice
  std::chrono::steady_clock::time_point received;
  std::chrono::microseconds programming{0};  // spent in the data plane, of the batch it was part of
  // Called once, on the reconciler's thread or the one that stores goal states, when every result
  // stands; must not block. Not called if the agent stops before.
  std::function<void(GoalStateTask&)> done;
};

}  // namespace alkaid::agent
