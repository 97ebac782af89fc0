// The answer to a goal-state message.
#pragma once

#include <chrono>
#include <string>

#include "control/agent/reconcile/goal_state_task.hpp"

namespace alkaid::agent {

// Clients' gRPC libraries take 4 MiB. A message of more resources than this, or whose reply would
// come near that size, is answered with successes summed up: one status per type and operation
// whose resource_id is "N resources". What didn't succeed is named as long as it fits, then summed
// up too.
inline constexpr std::size_t kMostStatuses = 50000;
inline constexpr std::size_t kMostReplyBytes = 3584U << 10;

// Times are microseconds and those of the batch that the message was part of: programming in the
// data plane, the rest as configuration, both together as elapsed. The result is an encoded
// GoalStateOperationReply, without an object for each of its statuses.
std::string make_reply(const GoalStateTask& task, std::chrono::steady_clock::time_point now);

}  // namespace alkaid::agent
