#include "control/agent/server/goal_state_server.hpp"

#include <fmt/format.h>
#include <grpcpp/resource_quota.h>

#include "control/agent/server/health.hpp"
#include "control/common/tls/server_credentials.hpp"

namespace alkaid::agent {
namespace {

// Of gRPC's services that take a thread for each call, which is reflection.
constexpr int kServiceThreads = 8;
constexpr std::size_t kMostServerMemory = std::size_t{4} << 30;
// A peer that vanished without a word is noticed after these two together.
constexpr int kKeepaliveMilliseconds = 60000;
constexpr int kKeepaliveTimeoutMilliseconds = 20000;

std::string socket_address(const ChannelConfig& config) {
  const bool v6 = config.address.find(':') != std::string::npos;
  return fmt::format("{}:{}", v6 ? "[" + config.address + "]" : config.address, config.port);
}

}  // namespace

std::string GoalStateServer::start(const ChannelConfig& config, GoalStateService& service) {
  std::string error;
  credentials_ =
      config.tls ? make_server_credentials(*config.tls, error) : grpc::InsecureServerCredentials();
  if (!credentials_) {
    return error;
  }
  const std::string address = socket_address(config);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, credentials_, &port_);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.message_bytes));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetResourceQuota(
      grpc::ResourceQuota{"goal-state"}.Resize(kMostServerMemory).SetMaxThreads(kServiceThreads));
  // Two agents on one port would each get some of the messages.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(config.streams));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Clients may ping as often as they like (ACA's own client does every 10 s).
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  server_ = builder.BuildAndStart();
  if (!server_ || port_ == 0) {
    server_.reset();
    return fmt::format(
        "can't listen on {}: the port is in use, or the address is not one of this host; choose "
        "another with --port or --listen-address",
        address);
  }
  set_ready(false);
  return {};
}

void GoalStateServer::stop(std::chrono::system_clock::time_point deadline) {
  if (server_) {
    server_->Shutdown(deadline);
  }
}

void GoalStateServer::set_ready(bool ready) {
  if (auto* health = server_->GetHealthCheckService(); health != nullptr) {
    set_health(*health, ready);
  }
}

}  // namespace alkaid::agent
