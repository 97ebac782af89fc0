// alkaid-dataplane: start, serve, stop.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "control/common/file_limit.hpp"
#include "control/common/instance.hpp"
#include "control/common/introspection/introspection.hpp"
#include "control/common/logging.hpp"
#include "control/common/signals.hpp"
#include "control/common/systemd/service_notifier.hpp"
#include "dataplane/api/server.hpp"
#include "dataplane/config/options.hpp"
#include "dataplane/config/resources.hpp"
#include "dataplane/control/dataplane.hpp"
#include "dataplane/control/worker_progress.hpp"
#include "dataplane/graph/node_table.hpp"

namespace alkaid {
namespace {

constexpr std::chrono::milliseconds kTickInterval{2};

void start_eal(const Options& options) {
  auto arguments = eal_arguments(options);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (auto& argument : arguments) {
    pointers.push_back(argument.data());
  }
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    throw std::runtime_error(std::string("DPDK's environment can't start: ") +
                             rte_strerror(rte_errno) +
                             " (see its messages above; root is needed, or --no-huge)");
  }
}

// How often each worker has walked its graph.
std::vector<std::uint64_t> walks(const Dataplane& dataplane) {
  std::vector<std::uint64_t> counts;
  for (const auto& worker : dataplane.workers()) {
    counts.push_back(worker->counters().graph_walks.read());
  }
  return counts;
}

void serve(Options& options, SignalWaiter& signals) {
  for (std::size_t i = 0; i < options.worker_cpus.size(); ++i) {
    options.dataplane.worker_lcores.push_back(static_cast<unsigned>(i + 1));
  }
  register_nodes();
  Dataplane dataplane(options.dataplane);
  dataplane.start_workers();
  offer_health_and_reflection();
  ApiServer server(dataplane, options.instance.dataplane_socket());
  std::thread signal_thread([&] {
    const int signal = signals.wait();
    spdlog::info("stopping on signal {}", signal);
    dataplane.executor().stop();
  });
  std::string vteps;
  for (const auto& vtep : options.dataplane.vteps) {
    vteps += vteps.empty() ? vtep.to_string() : " and " + vtep.to_string();
  }
  spdlog::info("ready: VTEP {}, {} worker(s), socket {}", vteps, options.worker_cpus.size(),
               options.instance.dataplane_socket());
  ServiceNotifier service;
  service.ready("forwarding");
  WorkerProgress progress;
  try {
    dataplane.executor().serve(kTickInterval, [&] {
      dataplane.tick();
      if (progress.all_moved(walks(dataplane))) {
        service.alive();
      }
    });
  } catch (...) {
    ::kill(::getpid(), SIGTERM);  // wakes the thread that waits for signals
    signal_thread.join();
    throw;
  }
  signal_thread.join();
  service.stopping();
  server.stop();
  dataplane.stop_workers();
}

int run(Options& options, const Placement& placement) {
  SignalWaiter signals;
  set_up_logging("alkaid-dataplane", options.log_level);
  try {
    if (const auto error = create_run_directory(options.instance); !error.empty()) {
      throw std::runtime_error(error);
    }
    std::string error;
    const auto lock = InstanceLock::acquire(options.instance, "alkaid-dataplane", error);
    if (!lock) {
      throw std::runtime_error(error);
    }
    if (!placement.no_hugepages_because.empty()) {
      spdlog::warn("{}", placement.no_hugepages_because);
    }
    raise_file_limit();  // a port by AF_XDP has seven descriptors, one by vhost-user some more
    start_eal(options);
    serve(options, signals);
    rte_eal_cleanup();
  } catch (const std::exception& failure) {
    spdlog::error("{}", failure.what());
    return 1;
  }
  spdlog::info("stopped");
  return 0;
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  auto outcome = alkaid::parse_options(argc, argv);
  if (!outcome.options) {
    return outcome.exit_code;
  }
  auto& options = *outcome.options;
  const auto placement = alkaid::choose_placement(options, alkaid::HostSurvey::here());
  if (options.dry_run) {
    std::fputs((options.json ? alkaid::dry_run_json(options, placement)
                             : alkaid::dry_run_text(options, placement))
                   .c_str(),
               stdout);
    return 0;
  }
  return alkaid::run(options, placement);
}
