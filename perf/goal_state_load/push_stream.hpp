// One PushGoalStatesStream call with messages that are serialized beforehand: the client's own work
// must not be what is measured.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/sync_stream.h>

#include "alcor/schema/goalstateprovisioner.pb.h"

namespace alkaid::perf {

inline grpc::ByteBuffer to_message(const std::string& bytes) {
  const grpc::Slice slice{bytes};
  return {&slice, 1};
}

// A connection of its own, not shared with other channels of this process.
inline std::shared_ptr<grpc::Channel> open_channel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  constexpr std::chrono::seconds kLongestConnect{60};
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kLongestConnect)) {
    throw std::runtime_error(fmt::format("can't connect to {}", address));
  }
  return channel;
}

// write() and read() from one thread each. Throws std::runtime_error.
class PushStream {
 public:
  explicit PushStream(const std::shared_ptr<grpc::Channel>& channel)
      : method_("/alcor.schema.GoalStateProvisioner/PushGoalStatesStream",
                grpc::internal::RpcMethod::BIDI_STREAMING, channel),
        stream_(
            grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
                channel.get(), method_, &context_)) {}
  ~PushStream() {
    if (is_finished_) {
      return;
    }
    context_.TryCancel();
    stream_->WritesDone();
    stream_->Finish();
  }
  PushStream(const PushStream&) = delete;
  PushStream& operator=(const PushStream&) = delete;

  void write(const grpc::ByteBuffer& message) {
    if (!stream_->Write(message)) {
      throw std::runtime_error("the agent ended the stream");
    }
  }

  // The next reply; every resource in it succeeded. Returns how many statuses it had. Throws with
  // the number of the gRPC status where the agent ended the stream.
  int read() {
    grpc::ByteBuffer bytes;
    if (!stream_->Read(&bytes)) {
      is_finished_ = true;
      const grpc::Status status = stream_->Finish();
      throw std::runtime_error(fmt::format("the agent ended the stream with status {}: {}",
                                           static_cast<int>(status.error_code()),
                                           status.error_message()));
    }
    alcor::schema::GoalStateOperationReply reply;
    if (!grpc::SerializationTraits<alcor::schema::GoalStateOperationReply>::Deserialize(&bytes,
                                                                                        &reply)
             .ok()) {
      throw std::runtime_error("the agent's reply can't be read");
    }
    for (const auto& status : reply.operation_statuses()) {
      if (status.operation_status() != alcor::schema::SUCCESS) {
        throw std::runtime_error(fmt::format(
            "the agent answered {} for {}",
            alcor::schema::OperationStatus_Name(status.operation_status()), status.resource_id()));
      }
    }
    return reply.operation_statuses_size();
  }

 private:
  grpc::ClientContext context_;
  grpc::internal::RpcMethod method_;
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream_;
  bool is_finished_ = false;  // by read()
};

}  // namespace alkaid::perf
