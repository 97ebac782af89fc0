// What the agent remembers of goal states, for consoles.
#pragma once

#include "alkaid/agent/v1/agent.pb.h"
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

// Of the types that the request names, sorted by id; at most 50,000 records. On the store's thread.
v1::GetGoalStateResponse report_goal_state(const DesiredStore& store,
                                           const v1::GetGoalStateRequest& request);

}  // namespace alkaid::agent
