#include "control/goalstate/push_client.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/common/logging.hpp"

namespace alkaid::goalstate {
namespace {

using alcor::schema::GoalState;
using alcor::schema::GoalStateOperationReply;
using alcor::schema::GoalStateProvisioner;
using alcor::schema::GoalStateV2;
using Clock = std::chrono::system_clock;

constexpr std::chrono::milliseconds kLongestConnect{5000};

std::shared_ptr<grpc::Channel> make_channel(const std::string& address,
                                            const Protection& protection) {
  grpc::ChannelArguments arguments;
  // A goal state may be larger than gRPC's default of 4 MiB, and hosts are never behind a web
  // proxy.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!protection.server_name.empty()) {
    arguments.SetSslTargetNameOverride(protection.server_name);
  }
  return grpc::CreateCustomChannel(
      address, protection.credentials ? protection.credentials : grpc::InsecureChannelCredentials(),
      arguments);
}

class Pusher {
 public:
  Pusher(const std::string& address, Clock::time_point deadline, const Protection& protection)
      : address_(address),
        deadline_(deadline),
        plaintext_(!protection.credentials),
        channel_(make_channel(address, protection)),
        stub_(GoalStateProvisioner::NewStub(channel_)) {}

  PushResult run(const std::vector<GoalStateFile>& files) {
    // A refused connection is tried again until then; the call itself reports why it failed.
    channel_->WaitForConnected(std::min(deadline_, Clock::now() + kLongestConnect));
    for (const GoalStateFile& file : files) {
      const bool answered = std::holds_alternative<GoalState>(file.state)
                                ? push_v1(file.name, std::get<GoalState>(file.state))
                                : push_v2(file.name, std::get<GoalStateV2>(file.state));
      if (!answered) {
        return std::move(result_);
      }
    }
    if (stream_ != nullptr) {
      stream_->WritesDone();
      GoalStateOperationReply more;
      while (stream_->Read(&more)) {
        result_.replies.push_back({result_.replies.back().file, std::move(more)});
      }
      if (const grpc::Status status = stream_->Finish(); !status.ok()) {
        fail(status);
      }
    }
    return std::move(result_);
  }

 private:
  bool push_v1(const std::string& name, const GoalState& state) {
    grpc::ClientContext context;
    context.set_deadline(deadline_);
    GoalStateOperationReply reply;
    const grpc::Status status = stub_->PushNetworkResourceStates(&context, state, &reply);
    if (!status.ok()) {
      return fail(status);
    }
    result_.replies.push_back({name, std::move(reply)});
    return true;
  }

  bool push_v2(const std::string& name, const GoalStateV2& state) {
    if (stream_ == nullptr) {
      stream_context_.set_deadline(deadline_);
      stream_ = stub_->PushGoalStatesStream(&stream_context_);
    }
    GoalStateOperationReply reply;
    if (!stream_->Write(state) || !stream_->Read(&reply)) {
      stream_->WritesDone();
      const grpc::Status status = stream_->Finish();
      stream_.reset();
      if (!status.ok()) {
        return fail(status);
      }
      result_.outcome = PushResult::Outcome::kRefused;
      result_.error =
          fmt::format("the agent at {} ended the stream without an answer to {}", address_, name);
      return false;
    }
    result_.replies.push_back({name, std::move(reply)});
    return true;
  }

  bool fail(const grpc::Status& status) {
    const std::string reason = printable(status.error_message(), 300);
    result_.outcome = PushResult::Outcome::kUnreachable;
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
        result_.error = fmt::format(
            "can't reach an agent at {}: {}\n"
            "Check that alkaid-agent runs there, that it listens on this address and port\n"
            "(--listen-address, --port), and that no firewall is between. {}",
            address_, reason,
            plaintext_ ? "An agent that speaks TLS needs --tls-ca here."
                       : "An agent in plaintext (--plaintext) needs no --tls flags here.");
        break;
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        result_.error = fmt::format(
            "no answer from the agent at {} in time; give it longer with --timeout SECONDS, or "
            "look\n"
            "at its log. What it received may have been applied.",
            address_);
        break;
      case grpc::StatusCode::UNIMPLEMENTED:
        result_.error = fmt::format(
            "what answers at {} is not an agent: {}\nIs the port that of alkaid-agent (--port)?",
            address_, reason);
        break;
      default:
        result_.outcome = PushResult::Outcome::kRefused;
        result_.error = fmt::format("the agent at {} ended the call with error {}: {}", address_,
                                    static_cast<int>(status.error_code()), reason);
    }
    return false;
  }

  const std::string address_;
  const Clock::time_point deadline_;
  const bool plaintext_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<GoalStateProvisioner::Stub> stub_;
  grpc::ClientContext stream_context_;
  std::unique_ptr<grpc::ClientReaderWriter<GoalStateV2, GoalStateOperationReply>> stream_;
  PushResult result_;
};

}  // namespace

PushResult push(const std::vector<GoalStateFile>& files, const std::string& address,
                std::chrono::milliseconds timeout, const Protection& protection) {
  return Pusher{address, Clock::now() + timeout, protection}.run(files);
}

}  // namespace alkaid::goalstate
