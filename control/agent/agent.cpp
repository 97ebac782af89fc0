#include "control/agent/agent.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <chrono>
#include <future>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include "control/agent/durable/database.hpp"
#include "control/agent/durable/loader.hpp"
#include "control/agent/durable/state_keeper.hpp"
#include "control/agent/metrics/control_metrics.hpp"
#include "control/agent/metrics/dataplane_metrics.hpp"
#include "control/agent/metrics/metrics_server.hpp"
#include "control/agent/metrics/on_demand_metrics.hpp"
#include "control/agent/metrics/stage_metrics.hpp"
#include "control/agent/metrics/state_metrics.hpp"
#include "control/agent/ncm/ncm_client.hpp"
#include "control/agent/ncm/restart_notice.hpp"
#include "control/agent/on_demand/on_demand.hpp"
#include "control/agent/reconcile/grpc_dataplane_client.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/agent/reconcile/reconciler_thread.hpp"
#include "control/agent/server/dataplane_probe.hpp"
#include "control/agent/server/event_log.hpp"
#include "control/agent/server/goal_state_pipeline.hpp"
#include "control/agent/server/goal_state_server.hpp"
#include "control/agent/server/goal_state_service.hpp"
#include "control/agent/server/health.hpp"
#include "control/agent/server/local_service.hpp"
#include "control/agent/server/slice_state.hpp"
#include "control/agent/server/state_monitor.hpp"

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownGrace = 100ms;
constexpr std::size_t kRecordsBetweenQuestions = 4096;  // whether to stop
constexpr auto kReportTimeout = 2s;

std::unique_ptr<grpc::Server> serve_local(const std::string& path, LocalService& service,
                                          std::string& error) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    error = fmt::format("{} is too long for a Unix socket; choose a shorter --run-dir", path);
    return nullptr;
  }
  grpc::ServerBuilder builder;
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);  // for reflection alone
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
        dataplane_metrics(config.instance.dataplane_socket()),
        local(thread, events, config.port_attach.text(), [this] { return dataplane_answers(); }),
        probe(config.instance.dataplane_socket()) {}

  void set_ready(bool ready) {
    goal_state_server.set_ready(ready);
    set_ready_locally(ready);
  }

  // An agent without a monitor doesn't ask.
  [[nodiscard]] bool dataplane_answers() const { return !config.alive || probe.answers(); }

  void set_ready_locally(bool ready) {
    if (auto* health = local_server->GetHealthCheckService(); health != nullptr) {
      set_health(*health, ready);
    }
  }

  AgentConfig config;
  EventLog events;
  GrpcDataplaneClient client;
  Reconciler reconciler;
  ReconcilerThread thread;
  GoalStatePipeline pipeline;
  GoalStateService goal_states;
  DataplaneMetrics dataplane_metrics;
  LocalService local;
  std::unique_ptr<durable::StateKeeper> keeper;
  std::unique_ptr<OnDemand> on_demand;
  std::unique_ptr<RestartNotice> restart_notice;
  GoalStateServer goal_state_server;
  MetricsServer metrics;
  v1::GetConfigResponse last_report;  // of the scrape before
  StateMonitor monitor{thread, events};
  DataplaneProbe probe;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
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
  parts.keeper = std::make_unique<durable::StateKeeper>(
      std::move(database), parts.events, parts.thread.stage_times(), [&parts] {
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
  parts.set_ready_locally(false);
  error = parts.goal_state_server.start(parts.config.channel, parts.goal_states);
  if (!error.empty()) {
    return error;
  }
  if (!parts.config.metrics_listen.empty()) {
    error = parts.metrics.start(parts.config.metrics_listen,
                                [this](MetricSet& metrics) { collect_metrics(metrics); });
    if (!error.empty()) {
      return error;
    }
  }
  std::vector<SliceReport> slices = parts.reconciler.wanted().slices().report_all();
  const std::vector<LearntNeighbor> learnt = parts.reconciler.learnt_neighbors();
  parts.thread.start();
  if (parts.config.alive) {
    parts.monitor.start({
        .answered = parts.config.alive,
        .ready_changed = [&parts](bool ready) { parts.set_ready(ready); },
        .dataplane_answers = [&parts] { return parts.dataplane_answers(); },
    });
    parts.probe.start([&parts] { parts.monitor.look_again(); });
  }
  if (!parts.config.ncm.address.empty()) {
    auto ncm = NcmClient::make(parts.config.ncm, parts.events, error);
    if (!ncm) {
      return error;
    }
    parts.on_demand = std::make_unique<OnDemand>(
        parts.config.instance.dataplane_socket(), std::move(ncm),
        OnDemandSettings{.idle = parts.config.on_demand_idle}, learnt,
        OnDemand::Effects{
            .learn =
                [&parts](std::vector<LearntNeighbor> neighbors) {
                  parts.thread.post([neighbors = std::move(neighbors)](Reconciler& reconciler) {
                    reconciler.learn_neighbors(neighbors);
                  });
                },
            .forget =
                [&parts](std::vector<NeighborKey> keys) {
                  parts.thread.post([keys = std::move(keys)](Reconciler& reconciler) {
                    reconciler.forget_neighbors(keys);
                  });
                },
        });
    parts.on_demand->start();
    spdlog::info("asking {} for neighbors that are missing, {}", parts.config.ncm.address,
                 parts.config.ncm.tls ? "over TLS" : "in plaintext");
    // What the agent begins with: a manager that knows these versions can send deltas.
    parts.restart_notice = std::make_unique<RestartNotice>(
        [&parts, slices = std::move(slices)](const alcor::schema::HostRequest& told,
                                             std::chrono::milliseconds limit,
                                             std::function<void(const grpc::Status&)> done) {
          alcor::schema::HostRequest request = told;
          for (const SliceReport& slice : slices) {
            fill_slice_state(slice, *request.add_slices());
          }
          parts.on_demand->ncm().request(
              std::move(request), limit,
              [done = std::move(done)](const NcmAnswer& answer) { done(answer.status); });
        },
        [&parts] { return parts.thread.own_addresses(); }, parts.events, RestartNotice::Pauses{});
    parts.restart_notice->start();
  }
  spdlog::info("serving goal states on {}:{} {}, local API on {}", parts.config.channel.address,
               parts.goal_state_server.port(),
               parts.config.channel.tls ? "over TLS" : "in plaintext",
               parts.config.instance.agent_socket());
  return {};
}

void Agent::stop() {
  Parts& parts = *parts_;
  parts.metrics.stop();
  parts.probe.stop();
  parts.monitor.stop();
  const auto deadline = std::chrono::system_clock::now() + kShutdownGrace;
  parts.goal_state_server.stop(deadline);
  if (parts.local_server) {
    parts.local_server->Shutdown(deadline);
  }
  if (parts.restart_notice) {
    parts.restart_notice->stop();
  }
  if (parts.on_demand) {
    parts.on_demand->stop();
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

// What the reconciler doesn't answer in time, because it is busy, is told as it was.
void Agent::collect_metrics(MetricSet& metrics) {
  Parts& parts = *parts_;
  auto promise = std::make_shared<std::promise<v1::GetConfigResponse>>();
  auto report = promise->get_future();
  parts.thread.look([promise](Reconciler& reconciler) {
    v1::GetConfigResponse answer;
    reconciler.report(answer);
    promise->set_value(std::move(answer));
  });
  if (report.wait_for(kReportTimeout) == std::future_status::ready) {
    parts.last_report = report.get();
  }
  // The last report may be old.
  parts.last_report.set_in_sync(parts.last_report.in_sync() && parts.dataplane_answers());
  add_control_metrics(metrics, parts.last_report, parts.goal_state_server.connections(),
                      std::chrono::steady_clock::now() - parts.started);
  if (parts.keeper) {
    add_state_metrics(metrics, *parts.keeper);
  }
  if (parts.on_demand) {
    add_on_demand_metrics(metrics, parts.on_demand->activity());
  }
  add_stage_metrics(metrics, parts.thread.stage_times());
  parts.dataplane_metrics.collect(metrics);
}

int Agent::metrics_port() const {
  return parts_->metrics.port();
}

int Agent::port() const {
  return parts_->goal_state_server.port();
}

}  // namespace alkaid::agent
