// One goal-state message on its way through the reconciler.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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

struct GoalStateTask {
  std::shared_ptr<const void> message;  // keeps alive what `decoded` points into
  DecodedGoalState decoded;
  std::chrono::steady_clock::time_point received;
  std::chrono::microseconds programming{0};  // spent in the data plane, of the batch it was part of
  // Called once, on the reconciler's thread or the one that stores goal states, when every result
  // stands; must not block. Not called if the agent stops before.
  std::function<void(GoalStateTask&)> done;
};

}  // namespace alkaid::agent
