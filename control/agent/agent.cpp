#include "control/agent/agent.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>

#include "control/agent/reconcile/grpc_dataplane_client.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/agent/server/goal_state_pipeline.hpp"
#include "control/agent/server/goal_state_service.hpp"
#include "control/agent/server/local_service.hpp"

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr int kMostMessageBytes = 512 << 20;
constexpr std::size_t kMostServerMemory = std::size_t{4} << 30;
constexpr auto kShutdownGrace = 100ms;
// A peer that vanished without a word is noticed after these two together.
constexpr int kKeepaliveMilliseconds = 60000;
constexpr int kKeepaliveTimeoutMilliseconds = 20000;

std::unique_ptr<grpc::Server> serve_goal_states(const AgentConfig& config,
                                                GoalStateService& service, int& port,
                                                std::string& error) {
  const bool v6 = config.listen_address.find(':') != std::string::npos;
  const std::string address = fmt::format(
      "{}:{}", v6 ? "[" + config.listen_address + "]" : config.listen_address, config.port);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMostMessageBytes);
  builder.SetResourceQuota(grpc::ResourceQuota{"goal-state"}.Resize(kMostServerMemory));
  // Two agents on one port would each get some of the messages.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Clients may ping as often as they like (ACA's own client does every 10 s).
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  auto server = builder.BuildAndStart();
  if (!server || port == 0) {
    error = fmt::format(
        "can't listen on {}: the port is in use, or the address is not one of this host; choose "
        "another with --port or --listen-address",
        address);
    return nullptr;
  }
  return server;
}

std::unique_ptr<grpc::Server> serve_local(const std::string& path, LocalService& service,
                                          std::string& error) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    error = fmt::format("{} is too long for a Unix socket; choose a shorter --run-dir", path);
    return nullptr;
  }
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  // Nobody but the owner, from the first moment.
  const mode_t former = ::umask(0177);
  auto server = builder.BuildAndStart();
  ::umask(former);
  if (!server) {
    error = fmt::format("can't serve {}; choose another directory with --run-dir", path);
  }
  return server;
}

}  // namespace

struct Agent::Parts {
  explicit Parts(AgentConfig wanted)
      : config(std::move(wanted)),
        client(config.instance.dataplane_socket()),
        reconciler(client, events, config.host, config.policy),
        thread(reconciler),
        pipeline(thread, config.port_attach),
        goal_states(pipeline),
        local(thread, events, config.port_attach.text()) {}

  AgentConfig config;
  EventLog events;
  GrpcDataplaneClient client;
  Reconciler reconciler;
  ReconcilerThread thread;
  GoalStatePipeline pipeline;
  GoalStateService goal_states;
  LocalService local;
  std::unique_ptr<grpc::Server> goal_state_server;
  std::unique_ptr<grpc::Server> local_server;
  int port = 0;
};

Agent::Agent(AgentConfig config) : parts_(std::make_unique<Parts>(std::move(config))) {}

Agent::~Agent() {
  stop();
}

std::string Agent::start() {
  Parts& parts = *parts_;
  parts.client.set_listener({
      .port_changed =
          [&parts](const api::PortStatus& status) {
            parts.thread.post(
                [status](Reconciler& reconciler) { reconciler.port_changed(status); });
          },
      .table_changed =
          [&parts](const api::TableStatus& status) {
            parts.thread.post(
                [status](Reconciler& reconciler) { reconciler.table_changed(status); });
          },
      .lost =
          [&parts](std::uint64_t connection, std::string reason) {
            parts.thread.post([&parts, connection, reason](Reconciler& reconciler) {
              if (parts.client.connection() == connection) {
                reconciler.connection_lost(reason);
              }
            });
          },
  });
  std::string error;
  parts.local_server = serve_local(parts.config.instance.agent_socket(), parts.local, error);
  if (!parts.local_server) {
    return error;
  }
  parts.goal_state_server = serve_goal_states(parts.config, parts.goal_states, parts.port, error);
  if (!parts.goal_state_server) {
    return error;
  }
  parts.thread.start();
  spdlog::info("serving goal states on {}:{}, local API on {}", parts.config.listen_address,
               parts.port, parts.config.instance.agent_socket());
  return {};
}

void Agent::stop() {
  Parts& parts = *parts_;
  const auto deadline = std::chrono::system_clock::now() + kShutdownGrace;
  for (auto* server : {&parts.goal_state_server, &parts.local_server}) {
    if (*server) {
      (*server)->Shutdown(deadline);
    }
  }
  parts.pipeline.stop();
  parts.client.interrupt();
  parts.thread.stop();
  parts.client.close();  // its listener posts to the thread's queue until then
  parts.goal_state_server.reset();
  parts.local_server.reset();
}

int Agent::port() const {
  return parts_->port;
}

}  // namespace alkaid::agent
