#include "control/agent/server/reply.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/server/slice_state.hpp"

namespace alkaid::agent {
namespace {

using google::protobuf::internal::WireFormatLite;
using Reply = alcor::schema::GoalStateOperationReply;

// As Alcor's own servers answer.
constexpr std::uint32_t kReplyFormatVersion = 100;
// Tags, lengths and numbers of one status, at most.
constexpr std::size_t kStatusBytes = 36;

std::uint32_t clamp(std::chrono::microseconds time) {
  const auto most = static_cast<std::int64_t>(std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, most));
}

void write_reply(const GoalStateTask& task, std::chrono::steady_clock::time_point now,
                 google::protobuf::io::CodedOutputStream& output) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - task.received);
  const auto programming = std::min(task.programming, elapsed);
  const auto& results = task.decoded.results;

  std::size_t bytes = 0;
  for (const ResourceResult& result : results) {
    bytes += result.id.size() + kStatusBytes;
  }
  const bool sum_up = results.size() > kMostStatuses || bytes > kMostReplyBytes;

  Reply::GoalStateOperationStatus status;
  status.set_dataplane_programming_time(clamp(programming));
  status.set_network_configuration_time(clamp(elapsed - programming));
  status.set_state_elapse_time(clamp(elapsed));
  const auto add = [&](const ResourceResult& result, std::string_view id) {
    status.mutable_resource_id()->assign(id);
    status.set_resource_type(static_cast<alcor::schema::ResourceType>(result.type));
    status.set_operation_type(static_cast<alcor::schema::OperationType>(result.operation));
    status.set_operation_status(static_cast<alcor::schema::OperationStatus>(result.status));
    output.WriteTag(WireFormatLite::MakeTag(Reply::kOperationStatusesFieldNumber,
                                            WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
    output.WriteVarint32(static_cast<std::uint32_t>(status.ByteSizeLong()));
    status.SerializeWithCachedSizes(&output);
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
      add(result, result.id);
    }
  }
  for (const auto& [key, count] : sums) {
    const auto& [type, operation, outcome] = key;
    add({{}, type, operation, outcome}, fmt::format("{} resources", count));
  }
  Reply head;
  head.set_format_version(kReplyFormatVersion);
  head.set_message_total_operation_time(clamp(elapsed));
  for (const SliceReport& slice : task.slices) {
    fill_slice_state(slice, *head.add_slices());
  }
  head.SerializeToCodedStream(&output);
}

}  // namespace

std::string make_reply(const GoalStateTask& task, std::chrono::steady_clock::time_point now) {
  std::string reply;
  google::protobuf::io::StringOutputStream stream{&reply};
  google::protobuf::io::CodedOutputStream output{&stream};
  write_reply(task, now, output);
  output.Trim();  // now all of it is in the string
  return reply;
}

}  // namespace alkaid::agent
