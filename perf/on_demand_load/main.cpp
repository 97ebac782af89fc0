// Sends first packets to many destinations that the data plane does not know, answers the agent's
// questions as a Network Config Manager, and times every packet. perf/ondemand starts it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "perf/goal_state_load/packet_probe.hpp"
#include "perf/goal_state_load/push_stream.hpp"
#include "perf/goal_state_load/workload.hpp"
#include "perf/on_demand_load/fake_ncm.hpp"

namespace alkaid::perf {
namespace {

using Clock = std::chrono::steady_clock;

struct Wanted {
  std::string agent = "127.0.0.1:50001";
  std::string listen = "127.0.0.1:9016";
  std::uint32_t destinations = 10000;
  std::uint32_t first = 0;
  std::uint32_t delay_milliseconds = 200;
  std::string guest_device = "guest0";
  std::string uplink_device = "wire0";
};

void push_one(const std::string& agent, const std::string& message) {
  PushStream stream{open_channel(agent)};
  stream.write(to_message(message));
  stream.read();
}

nlohmann::json percentiles(std::vector<double> values) {
  if (values.empty()) {
    return nullptr;
  }
  std::sort(values.begin(), values.end());
  const auto at = [&values](double part) {
    return values[static_cast<std::size_t>(part * static_cast<double>(values.size() - 1))];
  };
  return {{"p50", at(0.5)}, {"p99", at(0.99)}, {"p999", at(0.999)}, {"most", values.back()}};
}

double milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

nlohmann::json run(const Wanted& wanted) {
  push_one(wanted.agent, network_message());
  push_one(wanted.agent, probe_port_message(false));
  FakeNcm ncm{wanted.agent, std::chrono::milliseconds{wanted.delay_milliseconds}, wanted.first,
              wanted.destinations};
  ncm.start(wanted.listen);
  PacketProbe packets{wanted.guest_device, wanted.uplink_device};
  constexpr std::chrono::seconds kLongestAttach{10};
  // The port is attached when an answer to its own gateway's ARP would come; a packet to a neighbor
  // that is pushed says as much.
  const std::uint32_t known = wanted.first + wanted.destinations;
  push_one(wanted.agent, neighbors_message(known, 1));
  if (!packets.wait_for(known, true, kLongestAttach)) {
    throw std::runtime_error("no packet leaves");
  }

  // What is measured is a manager that is there, not how soon one that comes is found.
  constexpr std::chrono::seconds kLongestNotice{40};
  const auto deadline = Clock::now() + kLongestNotice;
  while (!ncm.is_known()) {
    if (Clock::now() > deadline) {
      throw std::runtime_error("the agent doesn't say that it has started");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }

  const auto timings = packets.time_first_packets(wanted.first, wanted.destinations);
  ncm.stop();
  const auto asked = ncm.times();
  std::vector<double> latencies;
  std::vector<double> manager;
  std::vector<double> beyond;
  std::uint32_t lost = 0;
  for (std::uint32_t i = 0; i < wanted.destinations; ++i) {
    if (timings[i].received == Clock::time_point{}) {
      ++lost;
      continue;
    }
    const double latency = milliseconds(timings[i].received - timings[i].sent);
    const double in_manager = milliseconds(asked[i].pushed - asked[i].asked);
    latencies.push_back(latency);
    manager.push_back(in_manager);
    beyond.push_back(latency - in_manager);
  }
  return {{"destinations", wanted.destinations},
          {"lost", lost},
          {"ncm_delay_milliseconds", wanted.delay_milliseconds},
          {"ncm_calls", ncm.calls()},
          {"sending_milliseconds", milliseconds(timings.back().sent - timings.front().sent)},
          {"first_packet_milliseconds", percentiles(latencies)},
          {"ncm_milliseconds", percentiles(manager)},
          {"beyond_ncm_milliseconds", percentiles(beyond)}};
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  alkaid::perf::Wanted wanted;
  CLI::App app{"Times the first packets to destinations that are learnt on demand"};
  app.add_option("--agent", wanted.agent, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--listen", wanted.listen, "Of the fake Network Config Manager")
      ->capture_default_str();
  app.add_option("--destinations", wanted.destinations, "How many at once")
      ->check(CLI::Range(1U, alkaid::perf::kMostNeighbors / 2));
  app.add_option("--first", wanted.first, "Number of the first of them")
      ->check(CLI::Range(0U, alkaid::perf::kMostNeighbors / 2));
  app.add_option("--ncm-delay", wanted.delay_milliseconds,
                 "Milliseconds that the manager takes for a call")
      ->capture_default_str();
  app.add_option("--guest-device", wanted.guest_device, "The guest's end of the probe port");
  app.add_option("--uplink-device", wanted.uplink_device, "The other end of the uplink");
  CLI11_PARSE(app, argc, argv);
  try {
    std::cout << alkaid::perf::run(wanted).dump() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "on-demand-load: " << error.what() << "\n";
    return 1;
  }
}
