// What security groups cost: cycles per decision of a new connection, and the time that one changed
// rule takes, by number and shape of the rules.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <rte_cycles.h>

#include "dataplane/policy/rule_table.hpp"
#include "dataplane/policy/security_group_table.hpp"
#include "perf/policy_benchmark/rule_shapes.hpp"

namespace alkaid::perf {
namespace {

constexpr std::size_t kPackets = 65'536;
constexpr int kRounds = 11;
constexpr std::uint32_t kMembers = 1000;  // of each remote group

struct Options {
  std::vector<std::uint32_t> rules{10, 100, 1000, 10'000};
  std::vector<unsigned> families{4, 6};
  unsigned changes = 200;
  bool json = false;
};

struct Result {
  std::string shape;
  unsigned family = 4;
  std::uint32_t rules = 0;
  double cycles = 0;
  double allowed = 0;
  double load_milliseconds = 0;
  double change_microseconds = 0;     // median
  double change_microseconds_99 = 0;  // 99th percentile
};

template <class Value>
Value percentile(std::vector<Value> values, unsigned percent) {
  const std::size_t index = (values.size() - 1) * percent / 100;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index),
                   values.end());
  return values[index];
}

double microseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

void must(const ObjectResult& result) {
  if (result) {
    throw std::runtime_error(fmt::format("refused: {} {}", result->field, result->message));
  }
}

Result measure(const RuleShape& shape, unsigned family, std::uint32_t count,
               const Options& options) {
  Random random(count);
  // What changes retire is freed outside of the measured time, as the data plane does it later.
  std::vector<std::function<void()>> retired;
  const Retire retire = [&retired](std::function<void()> release) {
    retired.push_back(std::move(release));
  };
  RuleTable rules(2 * count, 1, retire);
  SecurityGroupTable groups({}, rules, retire);
  SecurityGroupChange all{.id = "group"};
  for (std::uint32_t i = 0; i < count; ++i) {
    all.rules.push_back(shape.rule(random, i, family == 6));
  }
  Result result{.shape = shape.name, .family = family, .rules = count};
  const auto start = std::chrono::steady_clock::now();
  must(groups.apply(all));
  result.load_milliseconds = microseconds_since(start) / 1000;
  for (const auto& rule : all.rules) {
    if (!rule.remote_group.empty() && groups.find(rule.remote_group)->member_count() == 0) {
      SecurityGroupChange members{.id = rule.remote_group};
      for (std::uint32_t i = 0; i < kMembers; ++i) {
        members.members.push_back(random_prefix(random, family == 6, 32).address);
      }
      must(groups.apply(members));
    }
  }

  const PortPolicy policy({&groups.acquire("group")});
  const auto packets = packets_for(random, all.rules, kPackets);
  std::vector<double> cycles;
  std::size_t allowed = 0;
  for (int round = 0; round < kRounds; ++round) {
    allowed = 0;
    const std::uint64_t before = rte_rdtsc_precise();
    for (const auto& packet : packets) {
      allowed += policy.find_ingress(packet) != kNoRule ? 1 : 0;
    }
    cycles.push_back(static_cast<double>(rte_rdtsc_precise() - before) / kPackets);
  }
  result.cycles = percentile(cycles, 50);
  result.allowed = static_cast<double>(allowed) / kPackets;

  std::vector<double> changes;
  for (unsigned i = 0; i < options.changes; ++i) {
    const auto& old = all.rules[random() % count];
    auto changed = shape.rule(random, static_cast<std::uint32_t>(random() % count), family == 6);
    changed.id = old.id;
    const SecurityGroupChange change{.id = "group", .rules = {changed}};
    const auto began = std::chrono::steady_clock::now();
    must(groups.apply(change));
    changes.push_back(microseconds_since(began));
    for (const auto& release : std::exchange(retired, {})) {
      release();
    }
  }
  result.change_microseconds = percentile(changes, 50);
  result.change_microseconds_99 = percentile(changes, 99);
  groups.release("group");
  for (const auto& release : std::exchange(retired, {})) {
    release();
  }
  return result;
}

nlohmann::json to_json(const Result& result) {
  return {{"shape", result.shape},
          {"family", result.family},
          {"rules", result.rules},
          {"cycles_per_decision", result.cycles},
          {"allowed", result.allowed},
          {"load_milliseconds", result.load_milliseconds},
          {"change_microseconds", result.change_microseconds},
          {"change_microseconds_99", result.change_microseconds_99}};
}

int run(const Options& options) {
  nlohmann::json results = nlohmann::json::array();
  for (const RuleShape& shape : rule_shapes()) {
    if (!options.json) {
      fmt::print(
          "{}: {}\n  family    rules  cycles per decision  allowed  load ms  change us"
          "  99 %\n",
          shape.name, shape.description);
    }
    for (const unsigned family : options.families) {
      for (const std::uint32_t count : options.rules) {
        const Result result = measure(shape, family, count, options);
        if (options.json) {
          results.push_back(to_json(result));
        } else {
          fmt::print("  IPv{}   {:>7}  {:>19.0f}  {:>6.0f}%  {:>7.1f}  {:>9.0f}  {:>4.0f}\n",
                     family, count, result.cycles, 100 * result.allowed, result.load_milliseconds,
                     result.change_microseconds, result.change_microseconds_99);
          std::fflush(stdout);
        }
      }
    }
  }
  if (options.json) {
    fmt::print("{}\n", nlohmann::json{{"results", results}}.dump());
  }
  return 0;
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  CLI::App app(
      "What security groups cost: cycles per decision of a new connection, and microseconds for "
      "one "
      "changed rule, by number and shape of the rules. Runs on one core, without DPDK's "
      "environment.");
  app.set_help_flag("--help", "Show this text and exit");
  alkaid::perf::Options options;
  app.add_option("--rules", options.rules, "Numbers of rules")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::Range(1U, 1'000'000U));
  app.add_option("--family", options.families, "4, 6 or both")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::IsMember({4U, 6U}));
  app.add_option("--changes", options.changes, "Rules that are changed one after another")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1'000'000U));
  app.add_flag("--json", options.json, "One JSON object instead of the table");
  CLI11_PARSE(app, argc, argv);
  try {
    return alkaid::perf::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "policy-benchmark: %s\n", error.what());
    return 1;
  }
}
