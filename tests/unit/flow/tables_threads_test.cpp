// Workers read neighbors and the stamps of ports while the control thread changes them. Built with
// ThreadSanitizer as flow_threads_test.cpp, in whose program it is. (ConcurrentMap's reads and
// writes are in DPDK's library, which the sanitizer doesn't see: tables_test.cpp has its threads.)
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/port_stamps.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "tests/support/small_eal.hpp"

namespace alkaid {
namespace {

constexpr unsigned kReaders = 2;
constexpr Vni kVni = Vni::from_trusted(9);

IpAddress ip_of(std::uint32_t number) {
  return IpAddress::from_numbers(0x20010db800000000ULL, number);
}
MacAddress mac_of(std::uint32_t number) {
  return MacAddress::from_number(0x020000000000 + number);
}

// Runs read(worker) in threads, each reporting its quiescent state between rounds, and
// change(round) in this one.
template <class Read, class Change>
void run(QuiescenceDomain& domain, std::uint32_t rounds, Read read, Change change) {
  std::atomic<bool> stop{false};
  std::atomic<unsigned> ready{0};
  std::vector<std::thread> threads;
  for (unsigned worker = 0; worker < kReaders; ++worker) {
    threads.emplace_back([&, worker] {
      domain.register_worker(worker);
      for (ready.fetch_add(1); !stop.load(); domain.report_quiescent(worker)) {
        read(worker);
      }
      domain.unregister_worker(worker);
    });
  }
  while (ready.load() < kReaders) {
    std::this_thread::yield();
  }
  for (std::uint32_t round = 0; round < rounds; ++round) {
    change(round);
    domain.reclaim();
  }
  stop = true;
  for (auto& thread : threads) {
    thread.join();
  }
}

class TableThreads : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(start_small_eal()); }
};

TEST_F(TableThreads, NeighborsMoveComeAndGo) {
  constexpr std::uint32_t kStable = 32;
  constexpr std::uint32_t kAll = 128;
  QuiescenceDomain domain(kReaders);
  NeighborTable table(kAll, 8, domain);
  const std::array<Tunnel, 2> tunnels{};
  for (std::uint32_t i = 0; i < kStable; ++i) {
    ASSERT_TRUE(table.set_remote({kVni, ip_of(i)}, mac_of(i), tunnels.data()));
  }
  std::atomic<std::uint64_t> wrong{0};
  const auto read = [&](unsigned) {
    for (std::uint32_t i = 0; i < kStable; ++i) {
      NeighborTable::Slot slot;
      const Neighbor* found = table.find(kVni, ip_of(i), slot);
      // Others may take a record's place in the meantime, but not this one's.
      const Neighbor* again = found != nullptr ? table.at(slot) : nullptr;
      const Neighbor* by_mac = table.find(kVni, mac_of(i));
      const bool right = found != nullptr && again != nullptr && by_mac != nullptr &&
                         again->ip == ip_of(i) && found->mac() == mac_of(i) &&
                         by_mac->ip == ip_of(i) &&
                         (found->tunnel == &tunnels[0] || found->tunnel == &tunnels[1]);
      wrong.fetch_add(right ? 0 : 1, std::memory_order_relaxed);
    }
    for (std::uint32_t i = kStable; i < kAll; ++i) {
      const Neighbor* found = table.find(kVni, ip_of(i));
      const bool right = found == nullptr || (found->ip == ip_of(i) && found->mac() == mac_of(i));
      wrong.fetch_add(right ? 0 : 1, std::memory_order_relaxed);
    }
  };
  run(domain, 200, read, [&](std::uint32_t round) {
    for (std::uint32_t i = 0; i < kStable; i += 3) {
      ASSERT_TRUE(table.set_remote({kVni, ip_of(i)}, mac_of(i), &tunnels[round % 2]));
    }
    for (std::uint32_t i = kStable + round % 7; i < kAll; i += 2) {
      ASSERT_TRUE(table.set_remote({kVni, ip_of(i)}, mac_of(i), tunnels.data()));
    }
    for (std::uint32_t i = kStable + round % 7; i < kAll; i += 2) {
      ASSERT_NE(table.remove_remote({kVni, ip_of(i)}), nullptr);
    }
  });
  EXPECT_EQ(wrong.load(), 0U);
}

// What is published before a stamp is bumped is seen by who sees the stamp; a verdict of before
// never gets the new stamp.
TEST_F(TableThreads, AStampVouchesForWhatWasPublishedBeforeIt) {
  struct Object {
    std::uint32_t stamp;  // that it is published with
  };
  QuiescenceDomain domain(kReaders);
  PortStamps stamps(2);
  std::atomic<const Object*> published{new Object{0}};
  std::atomic<std::uint64_t> wrong{0};
  const auto read = [&](unsigned) {
    const std::uint32_t newest = stamps.newest();
    const Object* object = published.load(std::memory_order_acquire);
    const std::uint32_t stamp = stamps.of(1, newest);
    const bool right = stamp == PortStamps::kNever || object->stamp >= stamp;
    wrong.fetch_add(right ? 0 : 1, std::memory_order_relaxed);
  };
  run(domain, 20'000, read, [&](std::uint32_t round) {
    const Object* old = published.exchange(new Object{round + 1}, std::memory_order_acq_rel);
    domain.retire_object(old);
    stamps.bump(1);
    ASSERT_EQ(stamps.of(1), round + 1);
  });
  EXPECT_EQ(wrong.load(), 0U);
  domain.drain();
  delete published.load();
}

}  // namespace
}  // namespace alkaid
