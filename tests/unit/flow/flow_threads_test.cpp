// Workers open, find, change, evict and end connections while the control thread ages them, all on
// one table: what is found is what was asked for, and nothing is lost or given out twice. Built
// with ThreadSanitizer where no other sanitizer is on.
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/worker_flows.hpp"
#include "tests/support/small_eal.hpp"

// DPDK reads the last acknowledged token without a barrier, to save work; it reads more if that is
// old.
extern "C" const char* __tsan_default_suppressions() {
  return "race:rte_rcu_qsbr_check\n";
}

namespace alkaid {
namespace {

constexpr unsigned kWorkers = 3;
constexpr std::uint32_t kConnections = 1024;
constexpr int kSteps = 20'000;
constexpr int kBurst = 32;

FlowSettings settings() {
  FlowSettings settings;
  settings.connections = kConnections;
  settings.tcp_window_check = true;
  return settings;
}

FlowKeyV4 key_of(std::uint32_t flow, bool reply) {
  const FlowKeyV4 key{0x0100000a0200000aULL, flow, flow_scope(3, Side::kGuest, 6)};
  return reply ? key.reversed(flow_scope(5, Side::kUnderlay, 6)) : key;
}

class Threads : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(start_small_eal()); }

  Threads() {
    for (unsigned i = 0; i < kWorkers; ++i) {
      flows_.push_back(std::make_unique<WorkerFlows<FlowKeyV4>>(state_, domain_, i));
    }
  }

  void work(unsigned worker) {
    domain_.register_worker(worker);
    std::mt19937 random(worker + 1);
    // The control thread, which may be waiting for a core, shall have had its part.
    for (int step = 0; step < kSteps || (none_aged() && step < 1000 * kSteps); ++step) {
      take(*flows_[worker], random() % load_.flows, (random() & 1) != 0, random());
      if (step % kBurst == 0) {
        flows_[worker]->housekeep();
        domain_.report_quiescent(worker);
      }
    }
    domain_.unregister_worker(worker);
  }

  // Relaxed: it must not put the threads in an order that would hide a race.
  [[nodiscard]] bool none_aged() const { return aged_.load(std::memory_order_relaxed) == 0; }

  // As the keeper does.
  void age() {
    std::mt19937 random(99);
    while (running_.load() > 0) {
      for (ConnectionNumber number = 0; number < state_.v4.high_water(); ++number) {
        const ConnectionRecord& record = state_.v4.record(number);
        const std::uint32_t life = record.life.load(std::memory_order_acquire);
        if (!record.is_live() || random() % 16 != 0) {
          continue;
        }
        seen_ += state_.v4.half(number, Direction::kReply).fields.last_seen.load();
        seen_ += record.word().bits;
        if (state_.end_connection<FlowKeyV4>(kWorkers, number, life)) {
          aged_.fetch_add(1, std::memory_order_relaxed);
          domain_.retire([this, number] { state_.v4.give_back({&number, 1}); });
        }
      }
      domain_.reclaim();
      std::this_thread::yield();
    }
  }

  struct Load {
    std::uint32_t flows;
    unsigned packets;  // of a connection, about, before a worker ends it
  };

  Load load_{};
  FlowState state_{settings(), kWorkers, 8};
  QuiescenceDomain domain_{kWorkers};
  std::vector<std::unique_ptr<WorkerFlows<FlowKeyV4>>> flows_;
  std::atomic<unsigned> running_{kWorkers};
  std::atomic<std::uint64_t> aged_{0};
  std::uint64_t seen_ = 0;
  std::atomic<std::uint64_t> passed_{0};

  // All workers at once, and the control thread; then what must hold.
  void run(const Load& load) {
    load_ = load;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kWorkers; ++i) {
      threads.emplace_back([this, i] {
        work(i);
        --running_;
      });
    }
    age();
    for (auto& thread : threads) {
      thread.join();
    }
    domain_.drain();
    std::uint64_t created = 0;
    std::uint64_t ended = aged_.load();
    for (const auto& flows : flows_) {
      created += flows->counters().created.read();
      ended += flows->counters().ended.read();
    }
    std::uint64_t live = 0;
    for (ConnectionNumber number = 0; number < state_.v4.high_water(); ++number) {
      if (state_.v4.record(number).is_live()) {
        ++live;
        for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
          const FlowKeyV4& key = state_.v4.half(number, direction).key;
          EXPECT_EQ(number_of(state_.v4.find(key, key.hash())), number);
        }
      }
    }
    EXPECT_EQ(live, created - ended);
    EXPECT_EQ(live, state_.port_connections.of(1));
    EXPECT_GT(created, kConnections) << "memory was used again";
    EXPECT_GT(aged_.load(), 0U);
    EXPECT_GT(passed_.load(), 0U);
  }

 private:
  void take(WorkerFlows<FlowKeyV4>& flows, std::uint32_t flow, bool is_reply, unsigned dice) {
    const FlowKeyV4 key = key_of(flow, is_reply);
    const FlowReference reference = state_.v4.find(key, key.hash());
    if (reference != kNoFlow) {
      pass(flows, reference, key, dice);
    } else {
      open(flows, key, flow, is_reply);
    }
  }

  void pass(WorkerFlows<FlowKeyV4>& flows, FlowReference reference, const FlowKeyV4& key,
            unsigned dice) {
    ASSERT_TRUE(state_.v4.half(reference).key == key);
    const ConnectionNumber number = number_of(reference);
    const Direction direction = direction_of(reference);
    ConnectionRecord& record = state_.v4.record(number);
    const TrackedPacket packet{ip_protocol::kTcp,
                               static_cast<std::uint8_t>(dice % 4 == 0 ? tcp_flag::kFin | 16 : 16)};
    StateWord word = record.word();
    TrackResult result = track(word, direction, packet);
    while (result.verdict == TrackVerdict::kPass &&
           !record.state.compare_exchange_weak(word.bits, result.next.bits)) {
      result = track(word, direction, packet);
    }
    state_.tcp_windows<FlowKeyV4>()->pass(number, direction, {.flags = packet.tcp_flags});
    state_.v4.half(reference).fields.count(64, dice);
    ++passed_;
    if (dice % load_.packets == 0) {
      flows.take_down(number);
    } else if (dice % 64 == 1) {
      flows.offer_as_victim(number);
    }
  }

  void open(WorkerFlows<FlowKeyV4>& flows, const FlowKeyV4& key, std::uint32_t flow,
            bool is_reply) {
    const auto number = flows.allocate();
    if (!number) {
      return;
    }
    ConnectionRecord& record = state_.v4.record(*number);
    record.state.store(open_connection({ip_protocol::kTcp, tcp_flag::kSyn}, false)->bits);
    record.initiator = 1;
    state_.v4.half(*number, Direction::kOriginal).key = key;
    state_.v4.half(*number, Direction::kReply).key = key_of(flow, !is_reply);
    state_.tcp_windows<FlowKeyV4>()->open(*number, {.flags = tcp_flag::kSyn}, Direction::kOriginal);
    const auto result = state_.v4.insert(*number, {key.hash(), key_of(flow, !is_reply).hash()});
    if (result.full || result.existing != kNoFlow) {
      flows.abandon(*number);
      return;
    }
    // Nobody ends it before it lives, so it must be there, and the only one.
    for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
      const FlowKeyV4& own = state_.v4.half(*number, direction).key;
      EXPECT_EQ(state_.v4.find(own, own.hash()), reference_of(*number, direction));
    }
    record.life.store(record.life.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    flows.offer_as_victim(*number);
    flows.charge(1);
    flows.counters().created.add(1);
  }
};

TEST_F(Threads, WorkersAndAgeingOnOneTable) {
  run({.flows = 3000, .packets = 64});  // more than there is room for
}

TEST_F(Threads, CreatorsOfTheSameConnections) {
  run({.flows = 4, .packets = 1});
}

}  // namespace
}  // namespace alkaid
