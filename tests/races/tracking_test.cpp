// Two workers see both directions of the same connections while the control thread changes rules,
// members and ports, ages, flushes and lists connections: the whole tracker, below the graph. What
// rules always allow is never denied by them, what none allows never passes, and in the end
// everything agrees. Built with ThreadSanitizer.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/conntrack/fragment_tracker.hpp"
#include "tests/support/packet_builder.hpp"
#include "tests/support/small_eal.hpp"
#include "tests/support/tracking_host.hpp"

// DPDK reads the last acknowledged token without a barrier, to save work; it reads more if that is
// old.
extern "C" const char* __tsan_default_suppressions() {
  return "race:rte_rcu_qsbr_check\n";
}

namespace alkaid::test {
namespace {

constexpr unsigned kWorkers = 2;
constexpr int kBurst = 16;
constexpr std::chrono::milliseconds kTime{4000};
// Destination ports: of what is always allowed, what rules come and go for, what never is.
constexpr std::uint16_t kAllowed = 80;
constexpr std::uint16_t kNowAndThen = 81;
constexpr std::uint16_t kForbidden = 82;
constexpr std::uint16_t kClients = 24;

struct Sample {
  std::unique_ptr<TrackedFrame> frame;
  bool is_reply;
  bool is_from_wire;  // or to it, if it is no reply
  std::uint16_t service;
};

Bytes segment(bool ipv6, bool is_reply, std::uint16_t client, std::uint16_t service,
              std::uint8_t flags, bool udp) {
  const auto above = [&](const auto& ip) {
    const std::uint16_t from = is_reply ? service : client;
    const std::uint16_t to = is_reply ? client : service;
    return udp ? ip.udp({.source_port = from, .destination_port = to}).build()
               : ip.tcp({.source_port = from, .destination_port = to, .flags = flags}).build();
  };
  Ipv4Fields v4;
  Ipv6Fields v6;
  if (is_reply) {
    std::swap(v4.source, v4.destination);
    std::swap(v6.source, v6.destination);
  }
  return ipv6 ? above(packet().ethernet().ipv6(v6)) : above(packet().ethernet().ipv4(v4));
}

// A piece of a UDP datagram to an allowed port.
Bytes fragment(std::uint16_t identification, bool is_first) {
  const auto ip = packet().ethernet().ipv4({.identification = identification,
                                            .more_fragments = is_first,
                                            .fragment_offset = std::uint16_t{!is_first},
                                            .protocol = ip_protocol::kUdp});
  return is_first
             ? ip.udp({.source_port = 1000, .destination_port = kAllowed, .length = 16}).build()
             : ip.payload_of_size(8).build();
}

SecurityRuleConfig rule(std::string id, bool ipv6, std::uint16_t port) {
  SecurityRuleConfig rule{.id = std::move(id), .ipv6 = ipv6};
  if (port != 0) {
    rule.protocol = ip_protocol::kTcp;
    rule.port_min = rule.port_max = port;
  }
  return rule;
}

class TrackingRaces : public ::testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(start_small_eal()); }

  static FlowSettings settings() {
    FlowSettings settings;
    settings.connections = 64;
    settings.mid_stream = MidStreamPickup::kAlways;
    settings.tcp_window_check = GetParam();
    return settings;
  }

  TrackingRaces() {
    for (const bool ipv6 : {false, true}) {
      auto udp = rule(ipv6 ? "udp6" : "udp4", ipv6, 0);
      udp.protocol = ip_protocol::kUdp;
      EXPECT_FALSE(host_.change(
          {.id = "kept", .rules = {rule(ipv6 ? "tcp6" : "tcp4", ipv6, kAllowed), udp}}));
    }
    client_ = host_.add_port(1);
    server_ = host_.add_port(1);
    host_.set_groups(client_, std::vector<std::string>{"kept", "changing"});
  }

  // Everything that workers send, each with buffers of its own.
  static std::vector<Sample> samples() {
    std::vector<Sample> samples;
    for (std::uint16_t i = 0; i < kClients; ++i) {
      for (const std::uint16_t service : {kAllowed, kNowAndThen, kForbidden}) {
        for (const std::uint8_t flags : {0x02, 0x12, 0x10, 0x11, 0x10, 0x04}) {
          for (const bool is_reply : {false, true}) {
            const bool udp = i % 5 == 4 && service == kAllowed;
            auto frame = std::make_unique<TrackedFrame>(segment(
                i % 2 != 0, is_reply, static_cast<std::uint16_t>(1000 + i), service, flags, udp));
            EXPECT_TRUE(frame->parse());
            samples.push_back({std::move(frame), is_reply, i % 3 == 0, service});
          }
        }
      }
    }
    return samples;
  }

  [[nodiscard]] TrackedWay way_of(const Sample& sample) const {
    const PortIndex other = sample.is_from_wire ? kNoPort : server_.load();
    return sample.is_reply ? TrackedWay{other, client_} : TrackedWay{client_, other};
  }

  template <class Key>
  DropReason connect_as(const FlowWalk& walk, TrackedFrame& frame) {
    Connector<Key> connector(walk, frame.mbuf(), frame.context());
    connector.prefetch();
    connector.prefetch_more();
    return connector.connect();
  }
  DropReason connect(const FlowWalk& walk, TrackedFrame& frame) {
    return frame.is_v6() ? connect_as<FlowKeyV6>(walk, frame) : connect_as<FlowKeyV4>(walk, frame);
  }

  void send(const FlowWalk& walk, const Sample& sample) {
    if (!sample.frame->place(host_.ports(), way_of(sample))) {
      return;
    }
    const DropReason reason = connect(walk, *sample.frame);
    passed_.fetch_add(reason == DropReason::kNone ? 1 : 0, std::memory_order_relaxed);
    const bool is_denied =
        reason == DropReason::policy_egress || reason == DropReason::policy_ingress;
    const bool is_wrong =
        sample.service == kAllowed
            // Who answers may open nothing.
            ? is_denied && !sample.is_reply
            : sample.service == kForbidden && !sample.is_reply && reason == DropReason::kNone;
    wrong_.fetch_add(is_wrong ? 1 : 0, std::memory_order_relaxed);
  }
  // Pieces of one datagram come to both workers.
  void send_fragment(const FlowWalk& walk, unsigned dice) {
    auto frame = std::make_unique<TrackedFrame>(
        fragment(static_cast<std::uint16_t>(dice % 16), (dice & 64) != 0));
    if (!frame->parse() || !frame->place(host_.ports(), {client_, kNoPort})) {
      ADD_FAILURE() << "a fragment is no packet";
      return;
    }
    Fragment piece = describe_fragment(bytes_of(frame->mbuf()), frame->context().headers);
    piece.key.zone = 1;
    piece.key.origin = client_;
    ReleasedFragments released;
    const auto taken = fragments_.take(piece, frame.get(), walk.now, released);
    if (taken.outcome == FragmentTracker::Outcome::kWait) {
      static_cast<void>(frame.release());  // another worker may have it by now
    } else if (taken.outcome == FragmentTracker::Outcome::kPass) {
      go_on(walk, *frame, taken.upper);
    }
    for (std::size_t i = 0; i < released.count; ++i) {
      const std::unique_ptr<TrackedFrame> waited{
          static_cast<TrackedFrame*>(released.items[i].packet)};
      if (released.items[i].reason == DropReason::kNone &&
          waited->place(host_.ports(), {client_, kNoPort})) {
        go_on(walk, *waited, released.upper);
      }
    }
  }
  void go_on(const FlowWalk& walk, TrackedFrame& frame, const FragmentUpper& upper) {
    FrameHeaders& headers = frame.context().headers;
    headers.protocol = upper.protocol;
    headers.source_port = upper.source_port;
    headers.destination_port = upper.destination_port;
    connect(walk, frame);
  }

  void work(unsigned worker) {
    const auto frames = samples();
    std::mt19937 random(worker + 1);
    host_.begin(worker);
    while (!stop_.load(std::memory_order_relaxed)) {
      const FlowWalk walk = host_.walk(worker);
      for (int i = 0; i < kBurst; ++i) {
        send(walk, frames[random() % frames.size()]);
      }
      send_fragment(walk, random());
      host_.end_walk(worker);
    }
    host_.end(worker);
  }

  // What the control thread does; step by step, as its loop.
  void control() {
    std::mt19937 random(99);
    const auto end = std::chrono::steady_clock::now() + kTime;
    for (unsigned round = 0; std::chrono::steady_clock::now() < end || round < 100; ++round) {
      const bool ipv6 = (random() & 1) != 0;
      const std::string id = ipv6 ? "six" : "four";
      if ((random() & 1) != 0) {
        ASSERT_FALSE(host_.change({.id = "changing", .rules = {rule(id, ipv6, kNowAndThen)}}));
      } else {
        ASSERT_FALSE(host_.change({.id = "changing", .removed_rules = {id}}));
      }
      ASSERT_FALSE(host_.change({.id = "changing", .members = {IpAddress{kIpB}}}));
      ASSERT_FALSE(host_.change({.id = "changing", .removed_members = {IpAddress{kIpB}}}));
      if (round % 8 == 0) {
        const PortIndex fresh = host_.add_port(1);
        if (fresh != kNoPort) {
          host_.remove_port(server_.exchange(fresh));
        }
        host_.set_groups(client_, std::vector<std::string>{"kept", "changing"});
      }
      if (round % 32 == 0) {
        ConnectionTimeouts timeouts;
        timeouts.tcp_established = 1 + random() % 5;
        host_.keeper().set_timeouts(timeouts);
      }
      host_.state().clock.advance(500);
      host_.tick();
      list(round);
    }
    stop_.store(true);
  }
  void list(unsigned round) {
    ConnectionFilter filter;
    filter.l4_port = round % 4 == 0 ? kAllowed : std::uint16_t{1000};
    ConnectionSearch search(host_.state(), filter);
    std::vector<ConnectionSnapshot> found;
    while (search.advance(128, 64, found)) {
      found.clear();
    }
    for (const auto& connection : found) {
      const auto& original = connection.directions[0];
      const bool is_right =
          original.source_port == filter.l4_port || original.destination_port == filter.l4_port;
      wrong_.fetch_add(is_right ? 0 : 1, std::memory_order_relaxed);
      listed_ += look_up_connection(host_.state(), connection.id) ? 1 : 0;
    }
    if (round % 16 == 0) {
      flushed_ += host_.flush(filter);
    }
  }

  template <class Key>
  void check(std::uint64_t& live_of_all) {
    const auto& table = host_.state().table<Key>();
    std::uint64_t live = 0;
    std::uint64_t created = 0;
    std::uint64_t ended = host_.keeper().counts(Key::kIsV6).ended;
    for (unsigned worker = 0; worker < kWorkers; ++worker) {
      created += host_.own_flows<Key>(worker).counters().created.read();
      ended += host_.own_flows<Key>(worker).counters().ended.read();
    }
    for (ConnectionNumber number = 0; number < table.high_water(); ++number) {
      if (!table.record(number).is_live()) {
        continue;
      }
      ++live;
      for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
        const Key& key = table.half(number, direction).key;
        EXPECT_EQ(table.find(key, key.hash()), reference_of(number, direction));
      }
    }
    EXPECT_EQ(live, created - ended);
    EXPECT_GT(created, table.high_water()) << "places were used again";
    live_of_all += live;
  }

  TrackingHost host_{settings(), kWorkers, 8};
  FragmentTracker fragments_{
      {.datagrams = 16, .waiting = 32, .waiting_of_party = 16, .lifetime = 1000, .seed = 1}};
  PortIndex client_ = kNoPort;
  std::atomic<PortIndex> server_{kNoPort};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> passed_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::uint64_t listed_ = 0;
  std::uint64_t flushed_ = 0;
};

TEST_P(TrackingRaces, WorkersAndTheControlThread) {
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([this, worker] { work(worker); });
  }
  control();
  for (auto& thread : threads) {
    thread.join();
  }
  ReleasedFragments released;
  do {
    fragments_.release_all(released);
    for (std::size_t i = 0; i < released.count; ++i) {
      delete static_cast<TrackedFrame*>(released.items[i].packet);
    }
  } while (released.count > 0);
  EXPECT_EQ(wrong_.load(), 0U);
  EXPECT_GT(passed_.load(), 0U);
  EXPECT_GT(listed_, 0U);
  EXPECT_GT(flushed_, 0U);
  std::uint64_t live = 0;
  check<FlowKeyV4>(live);
  check<FlowKeyV6>(live);
  std::uint64_t charged = 0;
  for (PortIndex port = 0; port < host_.ports().capacity(); ++port) {
    charged += host_.state().port_connections.of(port);
  }
  EXPECT_EQ(charged, live);
}

INSTANTIATE_TEST_SUITE_P(Windows, TrackingRaces, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Checked" : "Unchecked"; });

}  // namespace
}  // namespace alkaid::test
