// Many agents in one process, on one null data plane. perf/fleet starts it.
#include <sys/resource.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/agent/agent.hpp"
#include "control/common/logging.hpp"
#include "control/common/signals.hpp"
#include "perf/fleet_agents/null_dataplane.hpp"

namespace alkaid::perf {
namespace {

// Every agent takes about twenty descriptors.
void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int run(const std::string& directory, int count, int first_port, bool keeps_state) {
  SignalWaiter signals;
  allow_descriptors();
  std::vector<Instance> instances;
  std::vector<std::string> sockets;
  for (int i = 0; i < count; ++i) {
    const auto instance =
        Instance::make(fmt::format("agent-{}", i), fmt::format("{}/{}", directory, i));
    std::filesystem::create_directories(instance->run_directory);
    instances.push_back(*instance);
    sockets.push_back(instance->dataplane_socket());
  }
  NullDataplane dataplane{sockets};
  std::vector<std::unique_ptr<agent::Agent>> agents;
  for (int i = 0; i < count; ++i) {
    agent::AgentConfig config;
    config.instance = instances[static_cast<std::size_t>(i)];
    if (keeps_state) {
      config.state_directory = config.instance.run_directory + "/state";
    }
    config.channel.address = "127.0.0.1";
    config.channel.port = static_cast<std::uint16_t>(first_port + i);
    std::string error;
    config.port_attach = agent::PortAttach::parse("null:", error).value();
    agents.push_back(std::make_unique<agent::Agent>(std::move(config)));
    error = agents.back()->start();
    if (!error.empty()) {
      std::cerr << "fleet-agents: " << error << "\n";
      return 1;
    }
  }
  std::cout << "ready: " << count << " agents on a null data plane" << std::endl;
  signals.wait();
  std::cout << fmt::format("{} neighbors were written\n", dataplane.neighbors()) << std::flush;
  // Thousands of orderly ends would take a while, and nothing is lost with them.
  std::quick_exit(0);
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  std::string directory;
  int count = 10;
  int first_port = 20000;
  bool keeps_state = false;
  CLI::App app{"Many agents on a null data plane in one process"};
  app.add_option("--directory", directory, "Where their run directories are made")->required();
  app.add_option("--agents", count, "How many")->check(CLI::Range(1, 20000));
  app.add_option("--first-port", first_port, "TCP port of the first; the others follow")
      ->check(CLI::Range(1024, 65535));
  app.add_flag("--state", keeps_state, "Each keeps its goal state on disk before it replies");
  CLI11_PARSE(app, argc, argv);
  if (first_port + count > 65536) {
    std::cerr << "fleet-agents: --first-port and --agents go beyond port 65535\n";
    return 2;
  }
  alkaid::set_up_logging("fleet-agents", "warning");
  try {
    return alkaid::perf::run(directory, count, first_port, keeps_state);
  } catch (const std::exception& error) {
    std::cerr << "fleet-agents: " << error.what() << "\n";
    return 1;
  }
}
