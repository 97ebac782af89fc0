#include "control/agent/server/reply.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace alkaid::agent {
namespace {

using OperationStatus = alcor::schema::GoalStateOperationReply::GoalStateOperationStatus;

// As Alcor's own servers answer.
constexpr std::uint32_t kReplyFormatVersion = 100;
// Tags, lengths and numbers of one status, at most.
constexpr std::size_t kStatusBytes = 36;

std::uint32_t clamp(std::chrono::microseconds time) {
  const auto most = static_cast<std::int64_t>(std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, most));
}

}  // namespace

alcor::schema::GoalStateOperationReply make_reply(const GoalStateTask& task,
                                                  std::chrono::steady_clock::time_point now) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - task.received);
  const auto programming = std::min(task.programming, elapsed);
  const auto& results = task.decoded.results;

  std::size_t bytes = 0;
  for (const ResourceResult& result : results) {
    bytes += result.id.size() + kStatusBytes;
  }
  const bool sum_up = results.size() > kMostStatuses || bytes > kMostReplyBytes;

  alcor::schema::GoalStateOperationReply reply;
  reply.set_format_version(kReplyFormatVersion);
  const auto add = [&](const ResourceResult& result, std::string id) {
    OperationStatus& status = *reply.add_operation_statuses();
    status.set_resource_id(std::move(id));
    status.set_resource_type(static_cast<alcor::schema::ResourceType>(result.type));
    status.set_operation_type(static_cast<alcor::schema::OperationType>(result.operation));
    status.set_operation_status(static_cast<alcor::schema::OperationStatus>(result.status));
    status.set_dataplane_programming_time(clamp(programming));
    status.set_network_configuration_time(clamp(elapsed - programming));
    status.set_state_elapse_time(clamp(elapsed));
  };

  using SumKey = std::tuple<ResourceType, std::uint8_t, Status>;
  std::map<SumKey, std::size_t> sums;
  bytes = 0;
  for (const ResourceResult& result : results) {
    const std::size_t size = result.id.size() + kStatusBytes;
    if (sum_up && (result.status == Status::kSuccess || bytes + size > kMostReplyBytes)) {
      ++sums[{result.type, result.operation, result.status}];
    } else {
      bytes += size;
      add(result, std::string{result.id});
    }
  }
  for (const auto& [key, count] : sums) {
    const auto& [type, operation, status] = key;
    add({{}, type, operation, status}, fmt::format("{} resources", count));
  }
  reply.set_message_total_operation_time(clamp(elapsed));
  return reply;
}

}  // namespace alkaid::agent
