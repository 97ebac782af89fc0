#include "control/agent/server/goal_state_pipeline.hpp"

#include <memory>
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
#include "control/agent/server/reply.hpp"

namespace alkaid::agent {
namespace {

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

// Parses into an arena that the task keeps. False if the bytes are no such message.
template <class Message>
bool parse(grpc::ByteBuffer& bytes, const DecodeContext& context, GoalStateTask& task) {
  google::protobuf::ArenaOptions options;
  options.max_block_size = 1U << 20;
  auto arena = std::make_shared<google::protobuf::Arena>(options);
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

// Answered like a malformed resource: an error status would stall a Network Config Manager.
void refuse_message(GoalStateTask& task, std::size_t size, std::string reason) {
  task.decoded = {};
  task.decoded.results.push_back({{}, ResourceType::kVpc, 0, Status::kInvalidArgument});
  task.decoded.refused.push_back(
      {0, {"message", fmt::format("{} bytes", size), std::move(reason)}});
}

grpc::ByteBuffer serialize(const alcor::schema::GoalStateOperationReply& reply) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  grpc::SerializationTraits<alcor::schema::GoalStateOperationReply>::Serialize(reply, &bytes,
                                                                               &own_buffer);
  return bytes;
}

}  // namespace

void GoalStatePipeline::handle(GoalStateFormat format, grpc::ByteBuffer message,
                               std::function<void()> submitted,
                               std::function<void(grpc::ByteBuffer)> done) {
  const auto received = std::chrono::steady_clock::now();
  if (message.Length() <= kSmallMessage) {
    process(format, std::move(message), received, std::move(submitted), std::move(done));
    return;
  }
  pool_.post([this, format, message = std::move(message), received,
              submitted = std::move(submitted), done = std::move(done)]() mutable {
    process(format, std::move(message), received, std::move(submitted), std::move(done));
  });
}

void GoalStatePipeline::process(GoalStateFormat format, grpc::ByteBuffer message,
                                std::chrono::steady_clock::time_point received,
                                std::function<void()> submitted,
                                std::function<void(grpc::ByteBuffer)> done) {
  auto task = std::make_unique<GoalStateTask>();
  task->received = received;
  const std::size_t size = message.Length();
  const DecodeContext context{port_attach_, reconciler_.own_addresses()};
  // Before anything is made of it: an empty resource takes 2 bytes here and far more in memory.
  if (size > kMostResources && count_fields(message, kMostResources + 1) > kMostResources) {
    message.Clear();
    refuse_message(
        *task, size,
        fmt::format("holds more than {} resources: send several messages", kMostResources));
  } else if (!parse(format, message, context, *task)) {
    refuse_message(*task, size, "is no goal state of this call's type");
  }
  task->done = [done = std::move(done)](GoalStateTask& finished) {
    done(serialize(make_reply(finished, std::chrono::steady_clock::now())));
  };
  reconciler_.submit(std::move(task));
  submitted();
}

}  // namespace alkaid::agent
