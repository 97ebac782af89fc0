#include "control/agent/server/goal_state_pipeline.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>
#include <spdlog/spdlog.h>

#include "alcor/schema/goalstate.pb.h"
#include "alcor/schema/goalstateprovisioner.pb.h"
#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/goal_state/neighbor_part.hpp"
#include "control/agent/server/reply.hpp"

namespace alkaid::agent {
namespace {

// Messages of no more take so little, decoded, that they need not wait for larger ones.
constexpr std::size_t kFewResources = 256;

// Fields of the message itself: each of its resources is one. Stops at `most`, and at what is no
// protobuf.
std::size_t count_fields(grpc::ByteBuffer& bytes, std::size_t most) {
  using google::protobuf::internal::WireFormatLite;
  grpc::ProtoBufferReader reader{&bytes};
  if (!reader.status().ok()) {
    return 0;
  }
  google::protobuf::io::CodedInputStream input{&reader};
  std::size_t fields = 0;
  while (fields < most) {
    const auto tag = input.ReadTag();
    if (tag == 0 || !WireFormatLite::SkipField(&input, tag)) {
      break;
    }
    ++fields;
  }
  return fields;
}

std::shared_ptr<google::protobuf::Arena> make_arena() {
  google::protobuf::ArenaOptions options;
  options.max_block_size = 1U << 20;
  return std::make_shared<google::protobuf::Arena>(options);
}

// Parses into an arena that the task keeps. False if the bytes are no such message.
template <class Message>
bool parse(grpc::ByteBuffer& bytes, const DecodeContext& context, GoalStateTask& task) {
  auto arena = make_arena();
  auto* message = google::protobuf::Arena::CreateMessage<Message>(arena.get());
  grpc::ProtoBufferReader reader{&bytes};
  if (!reader.status().ok() || !message->ParseFromZeroCopyStream(&reader)) {
    return false;
  }
  bytes.Clear();
  task.decoded = decode(*message, context);
  task.message = std::move(arena);
  return true;
}

bool parse(GoalStateFormat format, grpc::ByteBuffer& bytes, const DecodeContext& context,
           GoalStateTask& task) {
  switch (format) {
    case GoalStateFormat::kV1:
      return parse<alcor::schema::GoalState>(bytes, context, task);
    case GoalStateFormat::kV2:
      return parse<alcor::schema::GoalStateV2>(bytes, context, task);
    case GoalStateFormat::kNeighborRules:
      return parse<alcor::schema::NeighborRulesRequest>(bytes, context, task);
  }
  return false;
}

std::uint32_t neighbor_field(GoalStateFormat format) {
  switch (format) {
    case GoalStateFormat::kV1:
      return alcor::schema::GoalState::kNeighborStatesFieldNumber;
    case GoalStateFormat::kV2:
      return alcor::schema::GoalStateV2::kNeighborStatesFieldNumber;
    case GoalStateFormat::kNeighborRules:
      return alcor::schema::NeighborRulesRequest::kNeigborstatesFieldNumber;
  }
  return 0;
}

// What the parts of one message need, as long as any of them does.
struct SharedParts {
  MessageParts parts;
  std::shared_ptr<google::protobuf::Arena> arena;  // of the rest
  std::vector<IpAddress> own_addresses;
  std::optional<HostFilter> filter;
};

// The message without its neighbors. False if it is none.
template <class Message>
bool parse_rest(SharedParts& shared, const DecodeContext& context, GoalStateTask& task) {
  shared.arena = make_arena();
  auto* message = google::protobuf::Arena::CreateMessage<Message>(shared.arena.get());
  if (!message->ParseFromString(shared.parts.rest)) {
    return false;
  }
  std::string{}.swap(shared.parts.rest);
  task.decoded = decode(*message, context);
  if constexpr (std::is_same_v<Message, alcor::schema::GoalStateV2>) {
    shared.filter.emplace(*message, context.own_addresses);
  }
  return true;
}

bool parse_rest(GoalStateFormat format, SharedParts& shared, const DecodeContext& context,
                GoalStateTask& task) {
  switch (format) {
    case GoalStateFormat::kV1:
      return parse_rest<alcor::schema::GoalState>(shared, context, task);
    case GoalStateFormat::kV2:
      return parse_rest<alcor::schema::GoalStateV2>(shared, context, task);
    case GoalStateFormat::kNeighborRules:
      return parse_rest<alcor::schema::NeighborRulesRequest>(shared, context, task);
  }
  return false;
}

// Answered like a malformed resource: an error status would stall a Network Config Manager.
void refuse_message(GoalStateTask& task, std::size_t size, std::string reason) {
  task.decoded = {};
  task.decoded.results.push_back({{}, ResourceType::kVpc, 0, Status::kInvalidArgument});
  task.decoded.refused.push_back(
      {0, {"message", fmt::format("{} bytes", size), std::move(reason)}});
}

// Without a copy.
grpc::ByteBuffer buffer_of(std::string bytes) {
  auto* owned = new std::string{std::move(bytes)};
  const grpc::Slice slice{owned->data(), owned->size(),
                          [](void* string) { delete static_cast<std::string*>(string); }, owned};
  return {&slice, 1};
}

}  // namespace

void GoalStatePipeline::handle(GoalStateFormat format, const void* sender, grpc::ByteBuffer message,
                               std::function<void()> submitted,
                               std::function<void(grpc::ByteBuffer)> done) {
  const auto received = std::chrono::steady_clock::now();
  // One takes two bytes or more, so that short messages need no count.
  const std::size_t resources = message.Length() > 2 * kFewResources
                                    ? count_fields(message, most_resources(message.Length()))
                                    : 0;
  const bool is_counted = resources > kFewResources;
  const bool may_start = !is_counted || budget_.try_enter(resources);
  if (is_counted) {
    done = [this, resources, done = std::move(done)](grpc::ByteBuffer reply) {
      done(std::move(reply));
      budget_.leave(resources);
    };
  }
  if (may_start && message.Length() <= kSmallMessage) {
    process(format, sender, std::move(message), received, std::move(submitted), std::move(done));
    return;
  }
  const bool is_large = message.Length() > kLargeMessage;
  if (is_large) {
    done = [this, done = std::move(done)](grpc::ByteBuffer reply) {
      done(std::move(reply));
      large_messages_.leave();
    };
  }
  auto decode = [this, format, sender, message = std::move(message), received,
                 submitted = std::move(submitted), done = std::move(done)]() mutable {
    process(format, sender, std::move(message), received, std::move(submitted), std::move(done));
  };
  auto start = [this, is_large, decode = std::move(decode)]() mutable {
    if (is_large) {
      large_messages_.enter(
          [this, decode = std::move(decode)]() mutable { pool_.post(std::move(decode)); });
    } else {
      pool_.post(std::move(decode));
    }
  };
  if (may_start) {
    start();
  } else {
    budget_.enter(resources, std::move(start));
  }
}

bool GoalStatePipeline::decode_parts(GoalStateFormat format, MessageParts parts,
                                     const DecodeContext& context, GoalStateTask& task) {
  auto shared = std::make_shared<SharedParts>();
  shared->parts = std::move(parts);
  shared->own_addresses = context.own_addresses;
  if (!parse_rest(format, *shared, context, task)) {
    return false;
  }
  if (shared->parts.neighbors.empty()) {
    std::vector<grpc::Slice>{}.swap(shared->parts.slices);  // nothing points into them
  }
  const NeighborForm form =
      format == GoalStateFormat::kV2 ? NeighborForm::kMapEntry : NeighborForm::kState;
  const std::span<const std::string_view> neighbors{shared->parts.neighbors};
  const std::size_t of_part =
      std::clamp(neighbors.size() / kFewestParts, kSmallestPart, kLargestPart);
  for (std::size_t first = 0; first < neighbors.size(); first += of_part) {
    const auto some = neighbors.subspan(first, std::min(of_part, neighbors.size() - first));
    auto promise = std::make_shared<std::promise<NeighborPart>>();
    task.coming.push_back(promise->get_future());
    pool_.post_part([this, shared, some, form, promise = std::move(promise)] {
      const auto start = std::chrono::steady_clock::now();
      const DecodeContext own{port_attach_, shared->own_addresses};
      promise->set_value(
          decode_neighbors(some, form, own, shared->filter ? &*shared->filter : nullptr));
      reconciler_.stage_times().note(Stage::kDecode, std::chrono::steady_clock::now() - start);
    });
  }
  task.neighbors_coming = neighbors.size();
  task.message = std::move(shared);
  return true;
}

void GoalStatePipeline::process(GoalStateFormat format, const void* sender,
                                grpc::ByteBuffer message,
                                std::chrono::steady_clock::time_point received,
                                std::function<void()> submitted,
                                std::function<void(grpc::ByteBuffer)> done) {
  StageTimes& times = reconciler_.stage_times();
  const auto start = std::chrono::steady_clock::now();
  auto task = std::make_unique<GoalStateTask>();
  task->sender = sender;
  task->received = received;
  const std::size_t size = message.Length();
  const DecodeContext context{port_attach_, reconciler_.own_addresses()};
  // Before anything is made of it: an empty resource takes 2 bytes here and far more in memory.
  const std::size_t most = most_resources(size);
  const std::string too_many =
      fmt::format("holds more than {} resources: send several messages", most);
  auto parts =
      size > kSmallMessage ? take_apart(message, neighbor_field(format), most) : std::nullopt;
  if (parts && parts->resources > most) {
    refuse_message(*task, size, too_many);
  } else if (parts) {
    message.Clear();
    if (!decode_parts(format, std::move(*parts), context, *task)) {
      refuse_message(*task, size, "is no goal state of this call's type");
    }
  } else if (size > most && count_fields(message, most + 1) > most) {
    refuse_message(*task, size, too_many);
  } else if (!parse(format, message, context, *task)) {
    refuse_message(*task, size, "is no goal state of this call's type");
  }
  message.Clear();
  times.note(Stage::kDecode, std::chrono::steady_clock::now() - start);
  task->done = [&times, done = std::move(done)](GoalStateTask& finished) {
    const auto now = std::chrono::steady_clock::now();
    times.note(Stage::kTotal, now - finished.received);
    done(buffer_of(make_reply(finished, now)));
  };
  reconciler_.submit(std::move(task));
  submitted();
}

}  // namespace alkaid::agent
