#include "control/agent/server/goal_state_server.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include "control/agent/server/health.hpp"
#include "control/common/file_limit.hpp"
#include "control/common/tls/server_credentials.hpp"

namespace alkaid::agent {
namespace {

// Of gRPC's services that take a thread for each call, which is reflection.
constexpr int kServiceThreads = 8;
// Of what has been received and not decoded yet; gRPC ends streams when it is used up.
constexpr std::size_t kLeastServerMemory = std::size_t{64} << 20;
constexpr std::size_t kMessagesInMemory = 4;
// For TLS and HTTP/2's first frames: who is silent so long is disconnected.
constexpr int kHandshakeMilliseconds = 10000;
// Descriptors that are not goal-state connections.
constexpr std::size_t kOwnDescriptors = 512;
// A peer that vanished without a word is noticed after these two together.
constexpr int kKeepaliveMilliseconds = 60000;
constexpr int kKeepaliveTimeoutMilliseconds = 20000;
constexpr unsigned kMillisecondsPerSecond = 1000;

std::string socket_address(const ChannelConfig& config) {
  const bool v6 = config.address.find(':') != std::string::npos;
  return fmt::format("{}:{}", v6 ? "[" + config.address + "]" : config.address, config.port);
}

// As many as there can be descriptors for.
std::size_t connection_limit(std::size_t wanted) {
  const std::size_t descriptors = raise_file_limit();
  const std::size_t possible =
      descriptors > 2 * kOwnDescriptors ? descriptors - kOwnDescriptors : descriptors / 2;
  if (possible < wanted) {
    spdlog::warn(
        "only {} goal-state connections are taken: the process may have {} files open "
        "(LimitNOFILE, ulimit -n)",
        possible, descriptors);
  }
  return std::min(possible, wanted);
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
  acceptor_.emplace(connection_limit(config.connections));
  if (error = acceptor_->listen(config.address, config.port); !error.empty()) {
    return fmt::format(
        "can't listen on {}: {}; the port is in use, or the address is not one of this host: "
        "choose another with --port or --listen-address",
        address, error);
  }
  grpc::ServerBuilder builder;
  using ConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  auto connections =
      builder.experimental().AddExternalConnectionAcceptor(ConnectionType::FROM_FD, credentials_);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.message_bytes));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetResourceQuota(
      grpc::ResourceQuota{"goal-state"}
          .Resize(std::max(kMessagesInMemory * config.message_bytes, kLeastServerMemory))
          .SetMaxThreads(kServiceThreads));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(config.streams));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  if (config.idle_seconds > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                               static_cast<int>(config.idle_seconds * kMillisecondsPerSecond));
  }
  // Clients may ping as often as they like (ACA's own client does every 10 s).
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  server_ = builder.BuildAndStart();
  if (!server_) {
    return fmt::format("can't serve on {}", address);
  }
  set_ready(false);
  acceptor_->start(std::move(connections));
  return {};
}

void GoalStateServer::stop(std::chrono::system_clock::time_point deadline) {
  if (server_) {
    acceptor_->stop();
    server_->Shutdown(deadline);
  }
}

void GoalStateServer::set_ready(bool ready) {
  if (auto* health = server_->GetHealthCheckService(); health != nullptr) {
    set_health(*health, ready);
  }
}

}  // namespace alkaid::agent
