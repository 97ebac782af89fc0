#include "control/agent/agent.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include "control/agent/durable/database.hpp"
#include "control/agent/durable/loader.hpp"
#include "control/agent/durable/state_keeper.hpp"
#include "control/agent/reconcile/grpc_dataplane_client.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/agent/server/goal_state_pipeline.hpp"
#include "control/agent/server/goal_state_server.hpp"
#include "control/agent/server/goal_state_service.hpp"
#include "control/agent/server/local_service.hpp"

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownGrace = 100ms;
constexpr std::size_t kRecordsBetweenQuestions = 4096;  // whether to stop

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
  std::unique_ptr<durable::StateKeeper> keeper;
  GoalStateServer goal_state_server;
  std::unique_ptr<grpc::Server> local_server;
};

Agent::Agent(AgentConfig config) : parts_(std::make_unique<Parts>(std::move(config))) {}

Agent::~Agent() {
  stop();
}

// Takes over what the last agent knew, and keeps what this one learns.
std::string Agent::open_state(const std::function<bool()>& should_stop) {
  Parts& parts = *parts_;
  const auto start = std::chrono::steady_clock::now();
  std::string error;
  auto database = durable::Database::open(parts.config.state_directory, error);
  if (!database) {
    return error;
  }
  durable::Database& records = *database;
  parts.keeper =
      std::make_unique<durable::StateKeeper>(std::move(database), parts.events, [&parts] {
        parts.thread.post([&parts](Reconciler& reconciler) {
          parts.keeper->submit_whole(reconciler.wanted(), reconciler.is_complete());
        });
      });
  std::size_t count = 0;
  error = parts.reconciler.restore(
      [&](DesiredStore& store, bool& is_complete) {
        durable::Loader loader{store};
        std::string wrong = records.read([&](std::string_view key, std::string_view value) {
          if (count++ % kRecordsBetweenQuestions == 0 && should_stop && should_stop()) {
            return std::string{"start() was given up"};
          }
          return loader.take(key, value);
        });
        is_complete = loader.is_complete();
        return wrong;
      },
      parts.keeper->journal());
  if (!error.empty()) {
    return error;
  }
  parts.thread.set_durability(*parts.keeper);
  parts.keeper->start();
  spdlog::info("{} records of desired state read from {} in {} ms", count, parts.keeper->path(),
               std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::steady_clock::now() - start)
                   .count());
  return {};
}

std::string Agent::start(const std::function<bool()>& should_stop) {
  Parts& parts = *parts_;
  if (!parts.config.state_directory.empty()) {
    if (std::string error = open_state(should_stop); !error.empty()) {
      return error;
    }
  }
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
  error = parts.goal_state_server.start(parts.config.channel, parts.goal_states);
  if (!error.empty()) {
    return error;
  }
  parts.thread.start();
  spdlog::info("serving goal states on {}:{} {}, local API on {}", parts.config.channel.address,
               parts.goal_state_server.port(),
               parts.config.channel.tls ? "over TLS" : "in plaintext",
               parts.config.instance.agent_socket());
  return {};
}

void Agent::stop() {
  Parts& parts = *parts_;
  const auto deadline = std::chrono::system_clock::now() + kShutdownGrace;
  parts.goal_state_server.stop(deadline);
  if (parts.local_server) {
    parts.local_server->Shutdown(deadline);
  }
  parts.pipeline.stop();
  parts.client.interrupt();
  parts.thread.stop();
  if (parts.keeper) {
    parts.keeper->stop();
  }
  parts.client.close();  // its listener posts to the thread's queue until then
  parts.goal_state_server.destroy();
  parts.local_server.reset();
}

int Agent::port() const {
  return parts_->goal_state_server.port();
}

}  // namespace alkaid::agent
