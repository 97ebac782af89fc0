#include "control/agent/server/reply.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string_view>
#include <tuple>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/server/slice_state.hpp"

namespace alkaid::agent {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using Reply = alcor::schema::GoalStateOperationReply;

// As Alcor's own servers answer.
constexpr std::uint32_t kReplyFormatVersion = 100;
// Tags, lengths and numbers of one status, at most.
constexpr std::size_t kStatusBytes = 36;

std::uint32_t clamp(std::chrono::microseconds time) {
  const auto most = static_cast<std::int64_t>(std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.count(), 0, most));
}

// Most statuses of a message differ in their id alone: what is behind it is encoded once.
class StatusWriter {
 public:
  StatusWriter(std::string& output, std::chrono::microseconds programming,
               std::chrono::microseconds elapsed)
      : output_(output) {
    status_.set_dataplane_programming_time(clamp(programming));
    status_.set_network_configuration_time(clamp(elapsed - programming));
    status_.set_state_elapse_time(clamp(elapsed));
  }

  void write(const ResourceResult& result, std::string_view id) {
    if (rest_.empty() || result.type != last_.type || result.operation != last_.operation ||
        result.status != last_.status) {
      encode_rest(result);
    }
    const Head id_head{kIdTag, id.size()};
    const Head head{kStatusTag, id_head.size() + id.size() + rest_.size()};
    output_.append(head.bytes()).append(id_head.bytes()).append(id).append(rest_);
  }

 private:
  using Message = Reply::GoalStateOperationStatus;
  static constexpr std::uint8_t kStatusTag = WireFormatLite::MakeTag(
      Reply::kOperationStatusesFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  static constexpr std::uint8_t kIdTag = WireFormatLite::MakeTag(
      Message::kResourceIdFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

  // Of a field: its tag and the length of what follows.
  class Head {
   public:
    Head(std::uint8_t tag, std::size_t length) : bytes_{tag} {
      const auto* end = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(length),
                                                                bytes_.data() + 1);
      size_ = static_cast<std::size_t>(end - bytes_.data());
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::string_view bytes() const {
      return {reinterpret_cast<const char*>(bytes_.data()), size_};
    }

   private:
    std::array<std::uint8_t, 6> bytes_;  // a varint takes up to 5
    std::size_t size_;
  };

  void encode_rest(const ResourceResult& result) {
    last_ = {{}, result.type, result.operation, result.status};
    status_.set_resource_type(static_cast<alcor::schema::ResourceType>(result.type));
    status_.set_operation_type(static_cast<alcor::schema::OperationType>(result.operation));
    status_.set_operation_status(static_cast<alcor::schema::OperationStatus>(result.status));
    rest_ = status_.SerializeAsString();
  }

  std::string& output_;
  Message status_;
  ResourceResult last_;
  std::string rest_;  // of a status like the last one, behind its id
};

}  // namespace

std::string make_reply(const GoalStateTask& task, std::chrono::steady_clock::time_point now) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - task.received);
  const auto programming = std::min(task.programming, elapsed);
  const auto& results = task.decoded.results;

  std::size_t bytes = 0;
  for (const ResourceResult& result : results) {
    bytes += result.id.size() + kStatusBytes;
  }
  const bool sum_up = results.size() > kMostStatuses || bytes > kMostReplyBytes;

  std::string reply;
  reply.reserve(sum_up ? 0 : bytes);
  StatusWriter statuses{reply, programming, elapsed};
  using SumKey = std::tuple<ResourceType, std::uint8_t, Status>;
  std::map<SumKey, std::size_t> sums;
  bytes = 0;
  for (const ResourceResult& result : results) {
    const std::size_t size = result.id.size() + kStatusBytes;
    if (sum_up && (result.status == Status::kSuccess || bytes + size > kMostReplyBytes)) {
      ++sums[{result.type, result.operation, result.status}];
    } else {
      bytes += size;
      statuses.write(result, result.id);
    }
  }
  for (const auto& [key, count] : sums) {
    const auto& [type, operation, outcome] = key;
    statuses.write({{}, type, operation, outcome}, fmt::format("{} resources", count));
  }
  Reply head;
  head.set_format_version(kReplyFormatVersion);
  head.set_message_total_operation_time(clamp(elapsed));
  for (const SliceReport& slice : task.slices) {
    fill_slice_state(slice, *head.add_slices());
  }
  head.AppendToString(&reply);
  return reply;
}

}  // namespace alkaid::agent
