// Fills the data plane's tables through its programmer and says what they cost: memory in use per
// neighbor and route, inserts per second, cycles per lookup.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rte_cycles.h>
#include <rte_eal.h>

#include "dataplane/control/dataplane.hpp"
#include "dataplane/graph/node_table.hpp"
#include "perf/tables_benchmark/memory.hpp"
#include "perf/tables_benchmark/reference.hpp"
#include "perf/tables_benchmark/workload.hpp"

namespace alkaid::perf {
namespace {

constexpr std::uint32_t kLookups = 1'000'000;
constexpr TableSizes kSmallest{
    .segments = 64, .neighbors = 8, .routes = 8, .dhcp_bindings = 8, .ports = 64};

struct Options {
  std::uint32_t neighbors = 1'000'000;
  std::uint32_t routes = 100'000;
  bool ipv6 = false;
  bool with_reference = false;
  bool huge = false;
  bool json = false;
  unsigned memory_megabytes = 0;
};

void start_eal(const Options& options) {
  std::vector<std::string> arguments{"tables-benchmark",
                                     "--no-pci",
                                     "--no-telemetry",
                                     "--lcores",
                                     "0@0",
                                     "--log-level=lib.*:warning",
                                     "-m",
                                     std::to_string(options.memory_megabytes)};
  if (options.huge) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  std::vector<char*> pointers;
  for (auto& argument : arguments) {
    pointers.push_back(argument.data());
  }
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    throw std::runtime_error("DPDK's environment can't start");
  }
  register_nodes();
}

std::unique_ptr<Dataplane> make_dataplane(const TableSizes& sizes) {
  DataplaneSettings settings;
  settings.vteps = {*IpPrefix::parse("172.16.0.1/16")};
  settings.worker_lcores = {0};
  settings.packet_buffers = 1024;
  settings.tables = sizes;
  return std::make_unique<Dataplane>(settings);
}

void must(const ObjectResult& result) {
  if (result) {
    throw std::runtime_error(fmt::format("refused: {} {}", result->field, result->message));
  }
}

// Random order, the same in every run.
std::vector<std::uint32_t> random_numbers(std::uint32_t below) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::uint32_t> any(0, below - 1);
  std::vector<std::uint32_t> numbers(kLookups);
  std::generate(numbers.begin(), numbers.end(), [&] { return any(random); });
  return numbers;
}

// Cycles per call of find(i) for i = 0 .. kLookups - 1: as many at once as the processor manages,
// and each one after the last one's result. The median of five rounds.
template <class Find>
std::pair<double, double> cycles(Find&& find) {
  const auto median = [&](bool dependent) {
    std::array<double, 5> rounds{};
    for (double& round : rounds) {
      std::uintptr_t carried = 0;
      const std::uint64_t start = rte_rdtsc();
      for (std::uint32_t i = 0; i < kLookups; ++i) {
        const auto* found = find(i + static_cast<std::uint32_t>(dependent ? carried : 0));
        if (found == nullptr) {
          throw std::runtime_error("a key is missing");
        }
        // Always zero, which the compiler can't know; reads the record as forwarding does.
        carried = *reinterpret_cast<const volatile std::uint8_t*>(found) == 0xff &&
                          reinterpret_cast<std::uintptr_t>(found) >> 63 != 0
                      ? 1
                      : 0;
      }
      round = static_cast<double>(rte_rdtsc() - start) / kLookups;
    }
    std::sort(rounds.begin(), rounds.end());
    return rounds[2];
  };
  return {median(false), median(true)};
}

nlohmann::json lookup_row(const char* table, std::uint32_t entries,
                          std::pair<double, double> cycles) {
  return {{"table", table},
          {"entries", entries},
          {"cycles", cycles.first},
          {"cycles_dependent", cycles.second}};
}

std::vector<std::uint32_t> steps_up_to(std::uint32_t entries) {
  std::vector<std::uint32_t> steps;
  for (const std::uint32_t step : {1000U, 100'000U}) {
    if (step < entries) {
      steps.push_back(step);
    }
  }
  steps.push_back(entries);
  return steps;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The difference to a data plane whose tables are as small as they get.
void report_memory(nlohmann::json& report, const char* table, std::uint32_t entries,
                   const MemoryInUse& before, const MemoryInUse& empty, const MemoryInUse& after,
                   double seconds) {
  report["memory"].push_back(
      {{"table", table},
       {"entries", entries},
       {"bytes_before", before.total()},
       {"bytes_empty", empty.total()},
       {"bytes_after", after.total()},
       {"bytes_per_entry", static_cast<double>(after.total() - before.total()) / entries},
       {"process_heap_bytes", after.process_heap - before.process_heap},
       {"inserts_per_second", entries / seconds}});
}

MemoryInUse smallest_memory() {
  const auto dataplane = make_dataplane(kSmallest);
  return memory_in_use();
}

void measure_neighbors(const Options& options, nlohmann::json& report) {
  const MemoryInUse before = smallest_memory();
  TableSizes sizes = kSmallest;
  sizes.neighbors = options.neighbors;
  const auto dataplane = make_dataplane(sizes);
  const MemoryInUse empty = memory_in_use();
  const NeighborTable& table = dataplane->tables().neighbors;
  std::uint32_t filled = 0;
  double seconds = 0;
  for (const std::uint32_t step : steps_up_to(options.neighbors)) {
    const auto start = std::chrono::steady_clock::now();
    for (; filled < step; ++filled) {
      must(dataplane->programmer().set(neighbor(filled, options.ipv6)));
    }
    seconds += seconds_since(start);
    if (filled == options.neighbors) {
      dataplane->tick();
      report_memory(report, "neighbors", filled, before, empty, memory_in_use(), seconds);
    }
    const auto numbers = random_numbers(filled);
    std::vector<NeighborConfig> keys;
    keys.reserve(numbers.size());
    for (const std::uint32_t number : numbers) {
      keys.push_back(neighbor(number, options.ipv6));
    }
    const auto by_ip =
        options.ipv6
            ? cycles([&](std::uint32_t i) { return table.find(keys[i].key.vni, keys[i].key.ip); })
            : cycles([&](std::uint32_t i) {
                return table.find(keys[i].key.vni, keys[i].key.ip.v4());
              });
    report["lookups"].push_back(lookup_row("neighbors by IP", filled, by_ip));
    report["lookups"].push_back(lookup_row("neighbors by MAC", filled, cycles([&](std::uint32_t i) {
                                             return table.find(keys[i].key.vni, keys[i].mac);
                                           })));
  }
}

void measure_routes(const Options& options, nlohmann::json& report) {
  const MemoryInUse before = smallest_memory();
  TableSizes sizes = kSmallest;
  sizes.routes = options.routes;
  const auto dataplane = make_dataplane(sizes);
  const MemoryInUse empty = memory_in_use();
  RouteTable& table = dataplane->tables().routes;
  const auto start = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < options.routes; ++i) {
    must(dataplane->programmer().set(route(i, options.ipv6)));
  }
  const double seconds = seconds_since(start);
  dataplane->tick();
  report_memory(report, "routes", options.routes, before, empty, memory_in_use(), seconds);
  std::vector<Segment> segments(1 + (options.routes - 1) / kPerSubnet);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    segments[i].own_routes = table.acquire(1 + i);
  }
  const auto numbers = random_numbers(options.routes);
  std::vector<IpAddress> keys;
  keys.reserve(numbers.size());
  for (const std::uint32_t number : numbers) {
    keys.push_back(route(number, options.ipv6).key.prefix.address);
  }
  report["lookups"].push_back(lookup_row("routes", options.routes, cycles([&](std::uint32_t i) {
                                           return table.lookup(segments[numbers[i] / kPerSubnet],
                                                               keys[i]);
                                         })));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    table.release(1 + i);
  }
}

// Both on one host. The bytes are of everything in the tables, per neighbor.
void measure_together(const Options& options, nlohmann::json& report) {
  const MemoryInUse before = smallest_memory();
  TableSizes sizes = kSmallest;
  sizes.neighbors = options.neighbors;
  sizes.routes = options.routes;
  const auto dataplane = make_dataplane(sizes);
  const MemoryInUse empty = memory_in_use();
  const auto start = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < options.neighbors; ++i) {
    must(dataplane->programmer().set(neighbor(i, options.ipv6)));
  }
  for (std::uint32_t i = 0; i < options.routes; ++i) {
    must(dataplane->programmer().set(route(i, options.ipv6)));
  }
  report_memory(report, "both", options.neighbors, before, empty, memory_in_use(),
                seconds_since(start));
}

void measure_reference(const Options& options, nlohmann::json& report) {
  const MemoryInUse before = memory_in_use();
  ReferenceTable table(options.neighbors);
  const MemoryInUse empty = memory_in_use();
  const auto start = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < options.neighbors; ++i) {
    table.add(neighbor(i, options.ipv6), i);
  }
  report_memory(report, "rte_hash", options.neighbors, before, empty, memory_in_use(),
                seconds_since(start));
  for (const std::uint32_t entries : steps_up_to(options.neighbors)) {
    const auto numbers = random_numbers(entries);
    std::vector<NeighborKey> keys;
    keys.reserve(numbers.size());
    for (const std::uint32_t number : numbers) {
      keys.push_back(neighbor(number, options.ipv6).key);
    }
    report["lookups"].push_back(lookup_row("rte_hash by IP", entries, cycles([&](std::uint32_t i) {
                                             return table.find(keys[i].vni, keys[i].ip);
                                           })));
  }
}

void print(const nlohmann::json& report) {
  fmt::print("{:18} {:>9} {:>12} {:>12} {:>12} {:>11} {:>11}\n", "table", "entries", "before",
             "empty", "after", "per entry", "inserts/s");
  for (const auto& row : report["memory"]) {
    fmt::print("{:18} {:9} {:12} {:12} {:12} {:11.1f} {:11.0f}\n", row["table"].get<std::string>(),
               row["entries"].get<std::uint64_t>(), row["bytes_before"].get<std::uint64_t>(),
               row["bytes_empty"].get<std::uint64_t>(), row["bytes_after"].get<std::uint64_t>(),
               row["bytes_per_entry"].get<double>(), row["inserts_per_second"].get<double>());
  }
  fmt::print("\n{:18} {:>9} {:>14} {:>16}\n", "lookup", "entries", "cycles", "one by one");
  for (const auto& row : report["lookups"]) {
    fmt::print("{:18} {:9} {:14.1f} {:16.1f}\n", row["table"].get<std::string>(),
               row["entries"].get<std::uint64_t>(), row["cycles"].get<double>(),
               row["cycles_dependent"].get<double>());
  }
}

void run(const Options& options) {
  start_eal(options);
  nlohmann::json report{{"ipv6", options.ipv6}, {"hugepages", options.huge}};
  measure_neighbors(options, report);
  measure_routes(options, report);
  measure_together(options, report);
  if (options.with_reference) {
    measure_reference(options, report);
  }
  if (options.json) {
    fmt::print("{}\n", report.dump(1));
  } else {
    print(report);
  }
  rte_eal_cleanup();
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  alkaid::perf::Options options;
  CLI::App app{"Fills the data plane's tables and says what they cost.", "perf/tables"};
  app.set_help_flag("--help", "Show this text and exit");
  const auto count = CLI::Range(1000U, 1U << 24);
  app.add_option("--neighbors", options.neighbors, "How many neighbors")
      ->capture_default_str()
      ->check(count);
  app.add_option("--routes", options.routes, "How many routes")
      ->capture_default_str()
      ->check(count);
  app.add_flag("--ipv6", options.ipv6, "IPv6 neighbors and routes instead of IPv4");
  app.add_flag("--reference", options.with_reference, "Measure DPDK's rte_hash with the same keys");
  app.add_flag("--huge", options.huge, "On hugepages; they must be there");
  app.add_option("--memory", options.memory_megabytes, "Memory for DPDK, in MiB [as needed]");
  app.add_flag("--json", options.json, "Print one JSON object");
  CLI11_PARSE(app, argc, argv);
  if (options.memory_megabytes == 0) {
    const std::uint64_t bytes = options.neighbors * 300ULL + options.routes * 600ULL;
    options.memory_megabytes = static_cast<unsigned>(64 + (bytes >> 20));
  }
  try {
    alkaid::perf::run(options);
  } catch (const std::exception& failure) {
    fmt::print(stderr, "perf/tables: {}\n", failure.what());
    return 1;
  }
  return 0;
}
