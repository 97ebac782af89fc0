// alkaid-agent: start, run until a signal, stop.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include "control/agent/agent.hpp"
#include "control/agent/options.hpp"
#include "control/common/instance.hpp"
#include "control/common/introspection/introspection.hpp"
#include "control/common/logging.hpp"
#include "control/common/signals.hpp"
#include "control/common/systemd/service_notifier.hpp"

namespace {

constexpr int kRuntimeError = 1;
constexpr int kUsageError = 2;

// glibc lets each thread's arena keep what is free at its end, up to a bound that grows with the
// largest block that was ever freed: tens of MiB after a large message, which malloc_trim() leaves
// alone. Blocks of up to 32 MiB come from the arenas all the same: the system's would have to be
// cleared for every message.
void bound_free_memory() {
  constexpr int kLargestFromArena = 32 << 20;
  constexpr int kMostFreeOfArena = 4 << 20;
  ::mallopt(M_MMAP_THRESHOLD, kLargestFromArena);
  ::mallopt(M_TRIM_THRESHOLD, kMostFreeOfArena);
}

// gRPC's own log has its place in ours; what it calls an error is mostly a peer that went away.
void log_of_grpc(gpr_log_func_args* entry) {
  spdlog::debug("grpc: {}", entry->message);
}

int run(const alkaid::agent::Options& options) {
  alkaid::SignalWaiter signals;
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error like a full disk
  if (std::string error = alkaid::create_run_directory(options.agent.instance); !error.empty()) {
    spdlog::error("{}", error);
    return kRuntimeError;
  }
  std::string error;
  const auto lock = alkaid::InstanceLock::acquire(options.agent.instance, "alkaid-agent", error);
  if (!lock) {
    spdlog::error("{}", error);
    return kRuntimeError;
  }
  for (const std::string& option : options.without_effect) {
    spdlog::warn("{} is accepted for compatibility with ACA, without effect for now", option);
  }
  alkaid::offer_health_and_reflection();
  alkaid::ServiceNotifier service;
  alkaid::agent::AgentConfig config = options.agent;
  config.alive = [notifier = alkaid::ServiceNotifier{}, was_in_sync = false](bool in_sync) mutable {
    if (std::exchange(was_in_sync, in_sync) != in_sync) {
      notifier.status(in_sync ? "data plane in sync" : "data plane not in sync");
    }
    notifier.alive();
  };
  alkaid::agent::Agent agent{std::move(config)};
  error = agent.start([&signals, &service] {
    service.starting();
    return signals.is_pending();
  });
  if (!error.empty() && signals.is_pending()) {
    spdlog::info("stopping");
    std::fflush(nullptr);
    std::_Exit(0);
  }
  if (!error.empty()) {
    spdlog::error("{}", error);
    return kRuntimeError;
  }
  spdlog::info("ready: instance {}, ports attach as {}", options.agent.instance.name,
               options.agent.port_attach.text());
  service.ready("serving goal states");
  signals.wait();
  service.stopping();
  spdlog::info("stopping");
  agent.stop();
  // Freeing a million records one by one would only hold up whoever waits for the end.
  std::fflush(nullptr);
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  bound_free_memory();
  gpr_set_log_function(&log_of_grpc);
  try {
    const auto outcome = alkaid::agent::parse_options(argc, argv);
    if (!outcome.options) {
      std::fputs(outcome.output.c_str(), outcome.exit_code == 0 ? stdout : stderr);
      return outcome.exit_code;
    }
    if (!alkaid::set_up_logging("alkaid-agent", outcome.options->log_level)) {
      fmt::print(stderr,
                 "alkaid-agent: --log-level: '{}' is none of trace, debug, info, warning, error, "
                 "critical, off\n",
                 outcome.options->log_level);
      return kUsageError;
    }
    return run(*outcome.options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "alkaid-agent: {}\n", error.what());
    return kRuntimeError;
  }
}
