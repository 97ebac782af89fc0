// Pushes neighbors and ports to an agent, times the replies and sends packets to what was pushed.
// perf/goalstate starts it beside a data plane and an agent; see there.
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <deque>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "perf/goal_state_load/packet_probe.hpp"
#include "perf/goal_state_load/push_stream.hpp"
#include "perf/goal_state_load/workload.hpp"

namespace alkaid::perf {
namespace {

using Clock = std::chrono::steady_clock;

struct Wanted {
  std::string agent = "127.0.0.1:50001";
  std::uint32_t neighbors = 1000;
  std::uint32_t base = 0;
  std::uint32_t warm_up = 0;
  std::uint32_t messages = 1;
  std::uint32_t ports = 0;
  std::uint32_t clients = 1;
  std::uint32_t checks = 100;
  std::string guest_device = "guest0";
  std::string uplink_device = "wire0";
  bool probe_port = false;
  bool fill_base = false;
  bool first_packet = false;
  bool only_listen = false;
  bool port_batch = false;
  std::size_t message_bytes = 0;
  std::string slice;
  std::string capture;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The part-th of `parts` nearly equal parts of [first, first + count).
struct Share {
  std::uint32_t first;
  std::uint32_t count;
};
Share share(std::uint32_t first, std::uint32_t count, std::uint32_t part, std::uint32_t parts) {
  const auto cut = [&](std::uint32_t at) {
    return static_cast<std::uint32_t>(std::uint64_t{count} * at / parts);
  };
  return {first + cut(part), cut(part + 1) - cut(part)};
}

// One client: its messages, sent without waiting for replies.
class Client {
 public:
  explicit Client(const std::string& agent) : channel_(open_channel(agent)), stream_(channel_) {
    // As Network Config Managers warm their channels up: an empty message.
    stream_.write(to_message({}));
    stream_.read();
  }

  void add(const std::string& message) {
    bytes_ += message.size();
    messages_.push_back(to_message(message));
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // Throws std::runtime_error, from either thread.
  void push() {
    std::exception_ptr failure;
    std::thread writer{[&] {
      try {
        for (const grpc::ByteBuffer& message : messages_) {
          stream_.write(message);
        }
      } catch (...) {
        failure = std::current_exception();
      }
    }};
    try {
      for (std::size_t i = 0; i < messages_.size(); ++i) {
        stream_.read();
      }
    } catch (...) {
      writer.join();
      throw;
    }
    writer.join();
    if (failure) {
      std::rethrow_exception(failure);
    }
  }

  // Each reply is waited for before the next message is sent.
  void push_in_turn() {
    for (const grpc::ByteBuffer& message : messages_) {
      stream_.write(message);
      stream_.read();
    }
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  PushStream stream_;
  std::vector<grpc::ByteBuffer> messages_;
  std::size_t bytes_ = 0;
};

void push_one(const std::string& agent, const std::string& message) {
  Client client{agent};
  client.add(message);
  client.push();
}

void prepare(const Wanted& wanted) {
  push_one(wanted.agent, network_message());
  if (wanted.probe_port) {
    push_one(wanted.agent, probe_port_message(false));
  }
  if (!wanted.fill_base) {
    return;
  }
  constexpr std::uint32_t kPart = 100000;
  for (std::uint32_t first = 0; first < wanted.base; first += kPart) {
    push_one(wanted.agent, neighbors_message(first, std::min(kPart, wanted.base - first)));
  }
}

// Milliseconds from the moment at which all clients begin to the last reply read.
double push_all(std::deque<Client>& clients) {
  if (clients.size() == 1) {
    const auto start = Clock::now();
    clients.front().push();
    return milliseconds_since(start);
  }
  Clock::time_point start;
  // Whoever comes last takes the time, before anybody goes on.
  std::barrier together{static_cast<std::ptrdiff_t>(clients.size()),
                        [&start]() noexcept { start = Clock::now(); }};
  std::vector<std::exception_ptr> failures(clients.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] {
      together.arrive_and_wait();
      try {
        clients[i].push();
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double milliseconds = milliseconds_since(start);
  for (const auto& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  return milliseconds;
}

std::vector<std::uint32_t> sample(std::uint32_t first, std::uint32_t count, std::uint32_t most) {
  std::vector<std::uint32_t> numbers;
  std::mt19937 random{std::random_device{}()};
  while (numbers.size() < std::min(count, most)) {
    const auto number = first + random() % count;
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      numbers.push_back(static_cast<std::uint32_t>(number));
    }
  }
  return numbers;
}

// A message to send and who sends it.
struct Assigned {
  std::uint32_t client;
  Share ports;
  Share neighbors;
};

// Ports and neighbors spread over all messages, these over the clients. A port batch: all ports in
// the first message of the first client, the neighbors over the other messages and clients.
Assigned assign(const Wanted& wanted, std::uint32_t message) {
  if (!wanted.port_batch) {
    return {message % wanted.clients, share(0, wanted.ports, message, wanted.messages),
            share(wanted.base, wanted.neighbors, message, wanted.messages)};
  }
  if (message == 0) {
    return {0, {0, wanted.ports}, {wanted.base, 0}};
  }
  return {1 + (message - 1) % (wanted.clients - 1),
          {0, 0},
          share(wanted.base, wanted.neighbors, message - 1, wanted.messages - 1)};
}

// Neighbors whose names make the message as long as is wanted, or up to a byte each shorter.
std::string neighbors_of(const Wanted& wanted, const Share& neighbors) {
  const std::string plain = neighbors_message(neighbors.first, neighbors.count);
  if (wanted.message_bytes <= plain.size() || neighbors.count == 0) {
    return plain;
  }
  const std::size_t room = (wanted.message_bytes - plain.size()) / neighbors.count;
  // What a name takes beside itself: its length, and more for the lengths of what it is in.
  const std::size_t lengths = neighbors_message(neighbors.first, 1, 0, room).size() -
                              neighbors_message(neighbors.first, 1).size() - room;
  return neighbors_message(neighbors.first, neighbors.count, 0, room - std::min(room, lengths));
}

// Neighbors one by one, each answered before the next.
void push_singles(const std::string& agent, std::uint32_t first, std::uint32_t count) {
  Client client{agent};
  for (std::uint32_t number = first; number < first + count; ++number) {
    client.add(neighbors_message(number, 1));
  }
  client.push_in_turn();
}

nlohmann::json run(Wanted wanted) {
  prepare(wanted);
  if (wanted.warm_up > 0) {
    push_singles(wanted.agent, wanted.base, wanted.warm_up);
    wanted.base += wanted.warm_up;
  }
  PacketProbe packets{wanted.guest_device, wanted.uplink_device};
  std::deque<Client> clients;
  for (std::uint32_t i = 0; i < wanted.clients; ++i) {
    clients.emplace_back(wanted.agent);
  }
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < wanted.messages; ++i) {
    const Assigned assigned = assign(wanted, i);
    std::string message = wanted.first_packet
                              ? probe_port_message(true)
                              : ports_message(assigned.ports.first, assigned.ports.count);
    message += neighbors_of(wanted, assigned.neighbors);
    if (!wanted.slice.empty()) {
      message += slice_message(wanted.slice);
    }
    bytes += message.size();
    clients[assigned.client].add(message);
  }
  nlohmann::json result{{"neighbors", wanted.neighbors}, {"messages", wanted.messages},
                        {"ports", wanted.ports},         {"clients", wanted.clients},
                        {"base", wanted.base},           {"warm_up", wanted.warm_up},
                        {"message_bytes", bytes},        {"port_batch", wanted.port_batch}};
  const auto checked = sample(wanted.base, wanted.neighbors, wanted.checks);
  if (wanted.first_packet) {
    const auto start = Clock::now();
    std::thread pusher{[&] { push_all(clients); }};
    const bool has_left =
        packets.wait_for(wanted.base, !wanted.only_listen, std::chrono::seconds{10});
    result["first_packet_milliseconds"] = milliseconds_since(start);
    pusher.join();
    result["milliseconds"] = milliseconds_since(start);
    if (!has_left) {
      throw std::runtime_error("no packet left within 10 s");
    }
  } else {
    result["milliseconds"] = push_all(clients);
  }
  if (wanted.only_listen) {
    return result;
  }
  const auto carried = packets.carried(checked);
  result["checked"] = checked.size();
  result["carried"] = carried.size();
  if (carried.size() < checked.size()) {
    throw std::runtime_error(
        fmt::format("only {} of {} neighbors carried a packet right after the reply",
                    carried.size(), checked.size()));
  }
  return result;
}

}  // namespace
}  // namespace alkaid::perf

int main(int argc, char** argv) {
  alkaid::perf::Wanted wanted;
  CLI::App app{"Pushes neighbors and ports to an agent and times it"};
  app.add_option("--agent", wanted.agent, "ADDRESS:PORT")->capture_default_str();
  app.add_option("--neighbors", wanted.neighbors, "Neighbors to push and to time")
      ->check(CLI::Range(1U, alkaid::perf::kMostNeighbors / 2));
  app.add_option("--base", wanted.base, "Number of the first of them")
      ->check(CLI::Range(0U, alkaid::perf::kMostNeighbors / 2));
  app.add_flag("--fill-base", wanted.fill_base, "Push those before it first, untimed");
  app.add_option("--warm-up", wanted.warm_up,
                 "So many before the timed ones, one by one and not timed")
      ->check(CLI::Range(0U, 100000U));
  app.add_option("--messages", wanted.messages, "Messages that they are spread over")
      ->check(CLI::PositiveNumber);
  app.add_option("--ports", wanted.ports, "Ports to push with them")
      ->check(CLI::Range(0U, alkaid::perf::kMostPorts));
  app.add_option("--clients", wanted.clients, "Connections that send at once")
      ->check(CLI::Range(1U, 1024U));
  app.add_flag("--port-batch", wanted.port_batch,
               "All ports in one client's first message, the neighbors from the other clients");
  app.add_option("--message-bytes", wanted.message_bytes,
                 "Lengthen the neighbors' names until a message is about so long");
  app.add_option("--checks", wanted.checks, "Neighbors to which a packet is sent after the reply");
  app.add_option("--guest-device", wanted.guest_device, "The guest's end of the probe port");
  app.add_option("--uplink-device", wanted.uplink_device, "The other end of the uplink");
  app.add_flag("--probe-port", wanted.probe_port, "Push the port that packets are sent from");
  app.add_flag("--first-packet", wanted.first_packet,
               "The message holds that port with a security group and DHCP; time its first packet");
  app.add_flag("--only-listen", wanted.only_listen, "Its packets come from elsewhere");
  app.add_option("--slice", wanted.slice, "The slice that the messages are part of");
  app.add_option("--write-capture", wanted.capture, "Only write a file with such a packet");
  CLI11_PARSE(app, argc, argv);
  if (wanted.port_batch && (wanted.clients < 2 || wanted.messages < wanted.clients)) {
    std::cerr << "goal-state-load: --port-batch needs two --clients and a message of each\n";
    return 2;
  }
  try {
    if (!wanted.capture.empty()) {
      alkaid::perf::PacketProbe::write_capture(wanted.capture, wanted.base);
      return 0;
    }
    std::cout << alkaid::perf::run(wanted).dump() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "goal-state-load: " << error.what() << "\n";
    return 1;
  }
}
