// Plays the Data Plane Manager of many hosts: long-lived connections to all their agents and pushes
// of different sizes to many of them at once. perf/fleet starts it.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "perf/goal_state_load/push_stream.hpp"
#include "perf/goal_state_load/workload.hpp"

namespace alkaid::perf {
namespace {

using Clock = std::chrono::steady_clock;

struct Wanted {
  std::string host = "127.0.0.1";
  int first_port = 20000;
  int agents = 10;
  int pushers = 32;
  int pushes = 2000;
  int channels = 0;
};

constexpr std::array<std::uint32_t, 5> kSizes = {1, 10, 100, 1000, 10000};
// Of 100 pushes, how many are of each size.
constexpr std::array<double, 5> kShares = {40, 30, 20, 8, 2};

// Messages of one size that contradict one another, so that each push is news. Each size has
// neighbors of its own.
struct Messages {
  std::array<grpc::ByteBuffer, 2> variants;
};

struct Push {
  std::uint32_t neighbors;
  double milliseconds;
};

void allow_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// One agent and the connection to it.
struct Host {
  explicit Host(const std::string& address) : channel(open_channel(address)), stream(channel) {}

  std::shared_ptr<grpc::Channel> channel;
  PushStream stream;
  std::array<unsigned, kSizes.size()> pushes{};  // of each size
};

nlohmann::json summary(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&times](double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(times.size()));
    return times[std::min(place, times.size() - 1)];
  };
  return {{"pushes", times.size()},
          {"p50_ms", at(0.5)},
          {"p99_ms", at(0.99)},
          {"p999_ms", at(0.999)},
          {"most_ms", times.back()}};
}

// The hosts of one thread: no other pushes to them.
void push_to(std::deque<Host*>& hosts, const std::array<Messages, kSizes.size()>& messages,
             std::atomic<int>& left, unsigned seed, std::vector<Push>& pushes) {
  std::mt19937 random{seed};
  std::discrete_distribution<std::size_t> sizes{kShares.begin(), kShares.end()};
  while (left.fetch_sub(1) > 0) {
    Host& host = *hosts[random() % hosts.size()];
    const std::size_t size = sizes(random);
    const auto start = Clock::now();
    host.stream.write(messages[size].variants[host.pushes[size]++ % 2]);
    host.stream.read();
    pushes.push_back(
        {kSizes[size], std::chrono::duration<double, std::milli>(Clock::now() - start).count()});
  }
}

nlohmann::json run(const Wanted& wanted) {
  allow_descriptors();
  const auto connect_start = Clock::now();
  std::deque<Host> hosts;
  for (int i = 0; i < wanted.agents; ++i) {
    Host& host = hosts.emplace_back(fmt::format("{}:{}", wanted.host, wanted.first_port + i));
    host.stream.write(to_message(network_message()));
  }
  for (Host& host : hosts) {
    host.stream.read();
  }
  const double connecting = std::chrono::duration<double>(Clock::now() - connect_start).count();

  std::array<Messages, kSizes.size()> messages;
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    messages[i].variants = {to_message(neighbors_message(first, kSizes[i], 0)),
                            to_message(neighbors_message(first, kSizes[i], 1))};
    first += kSizes[i];
  }
  const int pushers = std::min(wanted.pushers, wanted.agents);
  std::vector<std::deque<Host*>> shares(static_cast<std::size_t>(pushers));
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    shares[i % shares.size()].push_back(&hosts[i]);
  }
  std::vector<std::vector<Push>> pushes(shares.size());
  std::vector<std::exception_ptr> failures(shares.size());
  std::atomic<int> left{wanted.pushes};
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        push_to(shares[i], messages, left, static_cast<unsigned>(i), pushes[i]);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  for (const auto& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  std::map<std::uint32_t, std::vector<double>> by_size;
  std::vector<double> all;
  std::uint64_t neighbors = 0;
  for (const auto& some : pushes) {
    for (const Push& push : some) {
      by_size[push.neighbors].push_back(push.milliseconds);
      all.push_back(push.milliseconds);
      neighbors += push.neighbors;
    }
  }
  nlohmann::json result = summary(all);
  result["agents"] = wanted.agents;
  result["pushers"] = pushers;
  result["seconds"] = seconds;
  result["connect_seconds"] = connecting;
  result["pushes_per_second"] = static_cast<double>(all.size()) / seconds;
  result["neighbors_per_second"] = static_cast<double>(neighbors) / seconds;
  for (const auto& [size, times] : by_size) {
    auto row = summary(times);
    row["neighbors"] = size;
    result["by_size"].push_back(row);
  }
  return result;
}

// Idle channels to one agent, each with a warmed-up stream that is never ended, as Network Config
// Managers keep them; until standard input ends.
void hold_channels(const Wanted& wanted) {
  allow_descriptors();
  std::deque<Host> hosts;
  for (int i = 0; i < wanted.channels; ++i) {
    Host& host = hosts.emplace_back(fmt::format("{}:{}", wanted.host, wanted.first_port));
    host.stream.write(to_message({}));
    host.stream.read();
  }
  std::cout << "open" << std::endl;
  std::string line;
  std::getline(std::cin, line);
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  alkaid::perf::Wanted wanted;
  CLI::App app{"Pushes goal states to many agents at once"};
  app.add_option("--host", wanted.host, "Address of the agents")->capture_default_str();
  app.add_option("--first-port", wanted.first_port, "TCP port of the first agent")
      ->check(CLI::Range(1, 65535));
  app.add_option("--agents", wanted.agents, "How many, on consecutive ports")
      ->check(CLI::Range(1, 20000));
  app.add_option("--pushers", wanted.pushers, "Pushes that are under way at once")
      ->check(CLI::Range(1, 4096));
  app.add_option("--pushes", wanted.pushes, "Pushes in all")->check(CLI::PositiveNumber);
  app.add_option("--hold-channels", wanted.channels,
                 "Only keep so many channels to the first agent");
  CLI11_PARSE(app, argc, argv);
  try {
    if (wanted.channels > 0) {
      alkaid::perf::hold_channels(wanted);
    } else {
      std::cout << alkaid::perf::run(wanted).dump() << "\n";
    }
    std::cout.flush();
    // Closing thousands of streams in order would take a while, and nothing depends on it.
    std::quick_exit(0);
  } catch (const std::exception& error) {
    std::cerr << "fleet-load: " << error.what() << "\n";
    std::quick_exit(1);
  }
}
