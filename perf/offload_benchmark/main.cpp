// What it costs software to give connections to hardware and to take them back, with a driver that
// does nothing.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rte_cycles.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::perf {
namespace {

using namespace test;
using namespace test::net;

struct Result {
  double keeper_cycles = 0;   // of looking at a connection that can't be offloaded
  double install_cycles = 0;  // of one that is, all of it
  double driver_cycles = 0;   // of these, of the offload thread
  double remove_cycles = 0;
  std::size_t rules = 0;  // of a connection
};

constexpr std::size_t kBurst = 64;

Bytes udp(bool reply, std::uint32_t flow, const MacAddress& uplink) {
  const auto port = static_cast<std::uint16_t>(1024 + flow % 60000);
  const auto server = static_cast<std::uint16_t>(2000 + flow / 60000);
  const Station& from = reply ? kGreen2 : kGreen1;
  const Station& to = reply ? kGreen1 : kGreen2;
  const Bytes frame =
      packet()
          .ethernet({.source = from.mac, .destination = to.mac})
          .ipv4({.source = from.ip, .destination = to.ip})
          .udp({.source_port = reply ? server : port, .destination_port = reply ? port : server})
          .payload(Bytes(16, 0x5a))
          .build();
  return reply ? tunnelled(frame, uplink) : frame;
}

void open_connections(PipelineLab& lab, std::uint32_t connections) {
  const MacAddress uplink = lab.dataplane().ports().views().front().port->mac;
  for (std::uint32_t done = 0; done < connections; done += kBurst) {
    for (const bool reply : {false, true}) {
      std::vector<Bytes> frames;
      for (std::uint32_t i = done; i < std::min<std::uint32_t>(done + kBurst, connections); ++i) {
        frames.push_back(udp(reply, i, uplink));
      }
      lab.send(reply ? "up" : "green-1", frames);
      lab.take(reply ? "green-1" : "up");
    }
  }
}

// Ticks of two milliseconds until the keeper has been round once.
std::uint64_t go_round(PipelineLab& lab) {
  constexpr int kTicks = 520;
  std::uint64_t cycles = 0;
  for (int i = 0; i < kTicks; ++i) {
    lab.dataplane().flows().clock.advance(2);
    const std::uint64_t begin = rte_rdtsc();
    lab.dataplane().connections().tick();
    lab.dataplane().offloader().tick();
    cycles += rte_rdtsc() - begin;
  }
  return cycles;
}

Result run(std::uint32_t connections) {
  DataplaneSettings settings = PipelineLab::default_settings();
  settings.flows.connections = 2 * connections;
  settings.offload = {.is_on = false, .after_packets = 1, .connections = connections};
  PipelineLab lab(settings);
  lab.program_network();
  lab.walk();
  open_connections(lab, connections);
  Offloader& offloader = lab.dataplane().offloader();
  Result result;
  result.keeper_cycles = static_cast<double>(go_round(lab)) / connections;
  open_connections(lab, connections);  // only what has packets now is given to hardware
  offloader.set_on(true);
  while (!offloader.is_watching()) {
    offloader.tick();  // drivers are asked
  }
  const auto cycles = static_cast<double>(go_round(lab));
  // What came while too many were being installed has to wait for the next round.
  const std::size_t installed = offloader.connections();
  if (installed < connections / 2) {
    throw std::runtime_error(fmt::format("{} of {} are in hardware", installed, connections));
  }
  result.install_cycles =
      (cycles - result.keeper_cycles * connections) / static_cast<double>(installed);
  result.rules = offloader.rules() / installed;

  RuleExecutor executor({.table_size = 2 * connections, .age = 10});
  OffloadRule rule;
  rule.into_tunnel = true;
  rule.source = rule.destination = IpAddress{kGreen1.ip};
  for (std::uint32_t i = 0; i < connections; ++i) {
    executor.submit({.kind = RuleRequest::Kind::kInstall,
                     .entry = i,
                     .epoch = 1,
                     .rules = std::vector<OffloadRule>(result.rules, rule)});
  }
  std::uint64_t begin = rte_rdtsc();
  executor.step();
  result.driver_cycles = static_cast<double>(rte_rdtsc() - begin) / connections;

  const PortIndex port = lab.dataplane().ports().find("green-1")->index;
  begin = rte_rdtsc();
  offloader.policy_changed(port);
  offloader.wait_until_removed();
  result.remove_cycles = static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(installed);
  return result;
}

int print(const Result& result, std::uint32_t connections, bool json) {
  const double hertz = static_cast<double>(rte_get_tsc_hz());
  const auto rules = static_cast<double>(result.rules);
  if (json) {
    const nlohmann::ordered_json figures{
        {"connections", connections},
        {"rules_per_connection", rules},
        {"keeper_cycles", result.keeper_cycles},
        {"install_cycles", result.install_cycles},
        {"offload_thread_cycles", result.driver_cycles},
        {"remove_cycles", result.remove_cycles},
        {"rules_per_second", rules * hertz / result.driver_cycles}};
    const nlohmann::ordered_json report{{"results", nlohmann::ordered_json::array({figures})}};
    std::puts(report.dump(2).c_str());
    return 0;
  }
  fmt::print("{} connections, {:.0f} rules each; cycles per connection\n", connections, rules);
  fmt::print("{:<52}{:>8.0f}\n", "the keeper looks at one, offload is off", result.keeper_cycles);
  fmt::print("{:<52}{:>8.0f}\n", "it is given to hardware", result.install_cycles);
  fmt::print("{:<52}{:>8.0f}\n", "  of that, the offload thread (driver: nothing)",
             result.driver_cycles);
  fmt::print("{:<52}{:>8.0f}\n", "it is taken back by a change of policy", result.remove_cycles);
  fmt::print("{:<52}{:>8.2f}\n", "rules encoded and handed over, million per second",
             rules * hertz / result.driver_cycles / 1e6);
  return 0;
}

int run_main(int argc, char** argv) {
  std::uint32_t connections = 16384;
  bool json = false;
  CLI::App app{"What it costs software to give connections to hardware.", "perf/offload"};
  app.set_help_flag("--help", "Show this text and exit");
  app.add_option("--connections", connections, "Connections in hardware at once")
      ->capture_default_str()
      ->check(CLI::Range(64U, 1U << 20));
  app.add_flag("--json", json, "Print JSON");
  CLI11_PARSE(app, argc, argv);
  // Standard output is the result's.
  spdlog::set_default_logger(spdlog::stderr_logger_st("offload"));
  spdlog::set_level(spdlog::level::warn);
  return print(run(connections), connections, json);
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  try {
    return alkaid::perf::run_main(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "perf/offload: %s\n", failure.what());
    return 1;
  }
}
