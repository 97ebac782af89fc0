// The tables by themselves: the rules of claims against a naive model, and readers that run while
// everything around what they look for changes.
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "dataplane/control/table_watch.hpp"
#include "dataplane/tables/concurrent_map.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

constexpr Vni kVni = Vni::from_trusted(9);

IpAddress numbered_ip(std::uint32_t number, bool ipv6) {
  return ipv6 ? IpAddress::from_numbers(0x20010db800000000ULL, number)
              : IpAddress{Ipv4Address{0x0a000000 + number}};
}

MacAddress numbered_mac(std::uint32_t number) {
  return MacAddress::from_number(0x020000000000 + number);
}

// Lists of claims, newest first; what the table must find is the first local one, else the first
// remote one.
class NaiveNeighbors {
 public:
  struct Claim {
    PortIndex port = kNoPort;
    const Tunnel* tunnel = nullptr;
    std::uint32_t ip = 0;
    MacAddress mac;
  };

  void set_remote(std::uint32_t ip, const MacAddress& mac, const Tunnel* tunnel) {
    remove_remote(ip);
    addresses[ip].insert(addresses[ip].begin(), {kNoPort, tunnel, ip, mac});
    macs[mac].insert(macs[mac].begin(), {kNoPort, tunnel, ip, mac});
  }
  void remove_remote(std::uint32_t ip) {
    std::erase_if(addresses[ip], [](const Claim& claim) { return claim.port == kNoPort; });
    for (auto& [mac, claims] : macs) {
      std::erase_if(claims,
                    [&](const Claim& claim) { return claim.port == kNoPort && claim.ip == ip; });
    }
  }
  void set_local(std::uint32_t ip, const MacAddress& mac, PortIndex port) {
    remove_local(ip, port);
    addresses[ip].insert(addresses[ip].begin(), {port, nullptr, ip, mac});
  }
  void remove_local(std::uint32_t ip, PortIndex port) {
    std::erase_if(addresses[ip], [&](const Claim& claim) { return claim.port == port; });
  }
  void set_local_mac(const MacAddress& mac, PortIndex port) {
    remove_local_mac(mac, port);
    macs[mac].insert(macs[mac].begin(), {port, nullptr, 0, mac});
  }
  void remove_local_mac(const MacAddress& mac, PortIndex port) {
    std::erase_if(macs[mac], [&](const Claim& claim) { return claim.port == port; });
  }

  static const Claim* winner(const std::vector<Claim>& claims) {
    const auto local = std::find_if(claims.begin(), claims.end(),
                                    [](const Claim& claim) { return claim.port != kNoPort; });
    return local != claims.end() ? &*local : claims.empty() ? nullptr : &claims.front();
  }

  std::map<std::uint32_t, std::vector<Claim>> addresses;
  std::map<MacAddress, std::vector<Claim>> macs;
};

void expect_same(const Neighbor* found, const NaiveNeighbors::Claim* wanted) {
  ASSERT_EQ(found != nullptr, wanted != nullptr);
  if (found != nullptr) {
    EXPECT_EQ(found->port, wanted->port);
    EXPECT_EQ(found->tunnel, wanted->tunnel);
    EXPECT_EQ(found->mac(), wanted->mac);
  }
}

class NeighborClaims : public ::testing::TestWithParam<bool> {};

TEST_P(NeighborClaims, AnyOrderOfChangesGivesWhatTheNaiveModelGives) {
  constexpr std::uint32_t kAddresses = 12;
  constexpr std::uint32_t kMacs = 4;
  constexpr PortIndex kPorts = 3;
  start_eal();
  const bool ipv6 = GetParam();
  QuiescenceDomain quiescence(1);
  NeighborTable table(kAddresses, kPorts * kMacs + kPorts * kAddresses, quiescence);
  NaiveNeighbors model;
  const std::array<Tunnel, 3> tunnels{};
  std::mt19937 random(7);
  const auto below = [&random](std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random);
  };
  for (int step = 0; step < 20000; ++step) {
    const std::uint32_t ip = below(kAddresses);
    const NeighborKey key{kVni, numbered_ip(ip, ipv6)};
    const MacAddress mac = numbered_mac(below(kMacs));
    const PortIndex port = below(kPorts);
    const Tunnel* tunnel = &tunnels[below(tunnels.size())];
    switch (below(6)) {
      case 0: {
        // The same again leaves the order of claims as it is, unless another one came between.
        ASSERT_TRUE(table.set_remote(key, mac, tunnel));
        model.set_remote(ip, mac, tunnel);
        break;
      }
      case 1:
        table.remove_remote(key);
        model.remove_remote(ip);
        break;
      case 2:
        ASSERT_TRUE(table.set_local(key, mac, port));
        model.set_local(ip, mac, port);
        break;
      case 3:
        table.remove_local(key, port);
        model.remove_local(ip, port);
        break;
      case 4:
        ASSERT_TRUE(table.set_local_mac(kVni, mac, port));
        model.set_local_mac(mac, port);
        break;
      default:
        table.remove_local_mac(kVni, mac, port);
        model.remove_local_mac(mac, port);
        break;
    }
    std::uint64_t used = 0;
    for (std::uint32_t i = 0; i < kAddresses; ++i) {
      const auto* wanted = NaiveNeighbors::winner(model.addresses[i]);
      used += wanted != nullptr ? 1 : 0;
      expect_same(table.find(kVni, numbered_ip(i, ipv6)), wanted);
    }
    for (std::uint32_t i = 0; i < kMacs; ++i) {
      expect_same(table.find(kVni, numbered_mac(i)),
                  NaiveNeighbors::winner(model.macs[numbered_mac(i)]));
    }
    ASSERT_EQ(table.occupancy().used, used);
    ASSERT_EQ(table.occupancy().full_events, 0U);
    if (step % 7 == 0) {
      quiescence.reclaim();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, NeighborClaims, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "ipv6" : "ipv4"; });

TEST(Neighbors, FilledToTheLastOneAndEmptiedAgainAndAgain) {
  constexpr std::uint32_t kCapacity = 5000;
  start_eal();
  QuiescenceDomain quiescence(1);
  NeighborTable table(kCapacity, 8, quiescence);
  const Tunnel tunnel{};
  for (std::uint32_t round = 0; round < 6; ++round) {
    // Half of each family: they share the capacity.
    for (std::uint32_t i = 0; i < kCapacity; ++i) {
      const NeighborKey key{kVni, numbered_ip(i, i % 2 == 0)};
      ASSERT_TRUE(table.set_remote(key, numbered_mac(i), &tunnel)) << i;
    }
    EXPECT_EQ(table.occupancy().used, kCapacity);
    EXPECT_FALSE(
        table.set_remote({kVni, numbered_ip(kCapacity, round % 2 == 0)}, numbered_mac(0), &tunnel));
    EXPECT_EQ(table.occupancy().full_events, round + 1);
    // Changing what is there needs no room.
    ASSERT_TRUE(table.set_remote({kVni, numbered_ip(1, false)}, numbered_mac(7777), &tunnel));
    EXPECT_EQ(table.find(kVni, numbered_mac(1)), nullptr);
    EXPECT_EQ(table.find(kVni, numbered_mac(7777))->ip, numbered_ip(1, false));
    // One goes and another one comes at once.
    EXPECT_EQ(table.remove_remote({kVni, numbered_ip(0, true)}), &tunnel);
    ASSERT_TRUE(table.set_remote({kVni, numbered_ip(kCapacity, true)}, numbered_mac(0), &tunnel));
    EXPECT_EQ(table.remove_remote({kVni, numbered_ip(kCapacity, true)}), &tunnel);
    for (std::uint32_t i = 1; i < kCapacity; ++i) {
      ASSERT_EQ(table.remove_remote({kVni, numbered_ip(i, i % 2 == 0)}), &tunnel) << i;
    }
    EXPECT_EQ(table.occupancy().used, 0U);
  }
  EXPECT_EQ(table.occupancy().high_water, kCapacity);
}

// Runs `read(round)` in as many threads as workers, each reporting its quiescent state between
// rounds, until stopped.
class Readers {
 public:
  template <class Read>
  Readers(QuiescenceDomain& quiescence, unsigned count, Read read) {
    for (unsigned worker = 0; worker < count; ++worker) {
      threads_.emplace_back([&quiescence, worker, read, this](const std::stop_token& stop) {
        quiescence.register_worker(worker);
        ready_.fetch_add(1);
        for (std::uint32_t round = 0; !stop.stop_requested(); ++round) {
          read(round);
          rounds_.fetch_add(1, std::memory_order_relaxed);
          quiescence.report_quiescent(worker);
        }
        quiescence.unregister_worker(worker);
      });
    }
    while (ready_.load() < count) {
      std::this_thread::yield();
    }
  }
  [[nodiscard]] std::uint64_t rounds() const { return rounds_.load(); }

 private:
  std::atomic<unsigned> ready_{0};
  std::atomic<std::uint64_t> rounds_{0};
  std::vector<std::jthread> threads_;
};

constexpr unsigned kReaders = 2;
constexpr auto kStressTime = std::chrono::milliseconds(1500);

TEST(Neighbors, ReadersNeverMissWhatIsThereWhileAllAroundItChanges) {
  constexpr std::uint32_t kCapacity = 2048;
  constexpr std::uint32_t kStable = 256;
  start_eal();
  QuiescenceDomain quiescence(kReaders);
  NeighborTable table(kCapacity, 64, quiescence);
  const std::array<Tunnel, 2> tunnels{};
  // Some stay as they are, some move to and fro but never go.
  for (std::uint32_t i = 0; i < 2 * kStable; ++i) {
    ASSERT_TRUE(
        table.set_remote({kVni, numbered_ip(i, i % 3 == 0)}, numbered_mac(i), tunnels.data()));
  }
  std::atomic<std::uint64_t> wrong{0};
  {
    Readers readers(quiescence, kReaders, [&](std::uint32_t) {
      for (std::uint32_t i = 0; i < 2 * kStable; ++i) {
        const Neighbor* by_ip = table.find(kVni, numbered_ip(i, i % 3 == 0));
        const Neighbor* by_mac = table.find(kVni, numbered_mac(i));
        const bool right = by_ip != nullptr && by_mac != nullptr &&
                           by_ip->mac() == numbered_mac(i) && by_mac->mac() == numbered_mac(i) &&
                           by_mac->ip == numbered_ip(i, i % 3 == 0) &&
                           (by_ip->tunnel == &tunnels[0] || by_ip->tunnel == &tunnels[1]);
        if (!right) {
          wrong.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    const auto end = std::chrono::steady_clock::now() + kStressTime;
    for (std::uint32_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
      for (std::uint32_t i = kStable; i < 2 * kStable; i += 16) {
        ASSERT_TRUE(table.set_remote({kVni, numbered_ip(i, i % 3 == 0)}, numbered_mac(i),
                                     &tunnels[round % 2]));
      }
      // The rest of the table fills up and empties.
      for (std::uint32_t i = 2 * kStable; i < kCapacity; ++i) {
        ASSERT_TRUE(
            table.set_remote({kVni, numbered_ip(i, i % 3 == 0)}, numbered_mac(i), tunnels.data()));
      }
      for (std::uint32_t i = 2 * kStable; i < kCapacity; ++i) {
        ASSERT_NE(table.remove_remote({kVni, numbered_ip(i, i % 3 == 0)}), nullptr);
      }
    }
    EXPECT_GT(readers.rounds(), 0U);
  }
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_EQ(table.occupancy().full_events, 0U);
}

TEST(Neighbors, AMoveIsNeverAGap) {
  constexpr std::uint32_t kMoving = 4;
  start_eal();
  QuiescenceDomain quiescence(kReaders);
  NeighborTable table(64, 8, quiescence);
  const std::array<Tunnel, 2> tunnels{};
  const auto move_to = [&](std::uint32_t i, const Tunnel* tunnel) {
    return table.set_remote({kVni, numbered_ip(i, i % 2 == 0)}, numbered_mac(i), tunnel);
  };
  for (std::uint32_t i = 0; i < kMoving; ++i) {
    ASSERT_TRUE(move_to(i, tunnels.data()));
  }
  std::atomic<std::uint64_t> gaps{0};
  {
    Readers readers(quiescence, kReaders, [&](std::uint32_t) {
      for (std::uint32_t i = 0; i < 16 * kMoving; ++i) {
        const std::uint32_t number = i % kMoving;
        if (table.find(kVni, numbered_ip(number, number % 2 == 0)) == nullptr ||
            table.find(kVni, numbered_mac(number)) == nullptr) {
          gaps.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    const auto end = std::chrono::steady_clock::now() + kStressTime;
    for (std::uint32_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
      for (std::uint32_t i = 0; i < kMoving; ++i) {
        ASSERT_TRUE(move_to(i, &tunnels[round % 2]));
      }
    }
    EXPECT_GT(readers.rounds(), 0U);
  }
  EXPECT_EQ(gaps.load(), 0U);
}

TEST(Neighbors, WhatAWorkerHoldsStaysAsItWasUntilItIsDone) {
  start_eal();
  QuiescenceDomain quiescence(1);
  quiescence.register_worker(0);
  NeighborTable table(64, 8, quiescence);
  const std::array<Tunnel, 2> tunnels{};
  const NeighborKey key{kVni, numbered_ip(1, false)};
  ASSERT_TRUE(table.set_remote(key, numbered_mac(1), tunnels.data()));
  const Neighbor* held = table.find(kVni, key.ip);
  ASSERT_NE(held, nullptr);
  const auto change_everything = [&](std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) {
      const NeighborKey other{kVni, numbered_ip(2 + i % 8, false)};
      ASSERT_TRUE(table.set_remote(other, numbered_mac(100 + i), &tunnels[1]));
      quiescence.reclaim();
    }
  };
  ASSERT_NE(table.remove_remote(key), nullptr);
  EXPECT_EQ(table.find(kVni, key.ip), nullptr);
  // As often as there are spare records.
  change_everything(256);
  EXPECT_EQ(held->ip, key.ip);
  EXPECT_EQ(held->mac(), numbered_mac(1));
  EXPECT_EQ(held->tunnel, tunnels.data());
  quiescence.report_quiescent(0);
  change_everything(256);
  quiescence.unregister_worker(0);
  change_everything(1024);
}

TEST(Map, ReadersNeverMissWhatIsThereAndAFullMapTakesOthersAtOnce) {
  constexpr std::uint32_t kCapacity = 1024;
  constexpr std::uint32_t kStable = 256;
  start_eal();
  QuiescenceDomain quiescence(kReaders);
  ConcurrentMap<std::uint32_t, std::uint64_t> map("stress", kCapacity, quiescence);
  const auto value_of = [](std::uint32_t key, std::uint64_t version) {
    return std::make_unique<const std::uint64_t>(std::uint64_t{key} << 32 | version);
  };
  for (std::uint32_t key = 0; key < kStable; ++key) {
    ASSERT_TRUE(map.put(key, value_of(key, 0)));
  }
  std::atomic<std::uint64_t> wrong{0};
  {
    Readers readers(quiescence, kReaders, [&](std::uint32_t) {
      for (std::uint32_t key = 0; key < kCapacity; ++key) {
        const std::uint64_t* value = map.find(key);
        const bool right = value != nullptr ? *value >> 32 == key : key >= kStable;
        if (!right) {
          wrong.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    const auto end = std::chrono::steady_clock::now() + kStressTime;
    for (std::uint32_t round = 1; std::chrono::steady_clock::now() < end; ++round) {
      for (std::uint32_t key = 0; key < kStable; key += 8) {
        ASSERT_TRUE(map.put(key, value_of(key, round)));
      }
      // To the last one, although the slots of the round before still wait for the readers.
      for (std::uint32_t i = kStable; i < kCapacity; ++i) {
        const std::uint32_t key = i + (round % 3) * kCapacity;
        ASSERT_TRUE(map.put(key, value_of(key, round))) << "round " << round << " key " << key;
      }
      ASSERT_FALSE(map.put(99 * kCapacity, value_of(0, 0)));
      for (std::uint32_t i = kStable; i < kCapacity; ++i) {
        ASSERT_TRUE(map.erase(i + (round % 3) * kCapacity));
      }
    }
    EXPECT_GT(readers.rounds(), 0U);
  }
  EXPECT_EQ(wrong.load(), 0U);
  EXPECT_EQ(map.occupancy().used, kStable);
}

// perf/tables measures the same at a million.
class NeighborMemory : public ::testing::TestWithParam<bool> {};

TEST_P(NeighborMemory, IsAtMost128BytesEach) {
  constexpr std::uint32_t kNeighbors = 100000;
  constexpr std::uint32_t kMost = 128;
  const auto in_use = [] {
    const struct mallinfo2 heap = mallinfo2();
    return dpdk_heap_in_use() + heap.uordblks + heap.hblkhd;
  };
  start_eal();
  auto settings = PipelineLab::default_settings();
  settings.uplink.reset();
  settings.tables.neighbors = 8;
  std::uint64_t before = 0;
  {
    const Dataplane smallest(settings);
    before = in_use();
  }
  settings.tables.neighbors = kNeighbors;
  Dataplane dataplane(settings);
  for (std::uint32_t i = 0; i < kNeighbors; ++i) {
    ASSERT_FALSE(dataplane.programmer().set(NeighborConfig{
        {kVni, numbered_ip(i, GetParam())}, numbered_mac(i), IpAddress{net::kPeerVtep}}));
  }
  dataplane.tick();
  const TableOccupancy occupancy = dataplane.tables().neighbors.occupancy();
  EXPECT_EQ(occupancy.used, kNeighbors);
  EXPECT_LE(occupancy.bytes, std::uint64_t{kMost} * kNeighbors);
  EXPECT_LE(in_use() - before, std::uint64_t{kMost} * kNeighbors);
}

INSTANTIATE_TEST_SUITE_P(Families, NeighborMemory, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "ipv6" : "ipv4"; });

TEST(FullTables, AreToldOnceAndAgainWhenThereIsRoom) {
  using Told = std::vector<bool>;
  TableWatch watch;
  Told told;
  watch.on_change([&](const TableOccupancy&, bool full) { told.push_back(full); });
  TableOccupancy occupancy{.name = "neighbors", .used = 8, .capacity = 8};
  TableWatch::Clock::time_point now{};
  const auto look_later = [&](std::chrono::milliseconds pause) {
    now += pause;
    watch.look(occupancy, now);
  };
  look_later(TableWatch::kSettle);
  EXPECT_EQ(told, Told{}) << "full, but nothing was refused";
  occupancy.full_events = 5;
  look_later(TableWatch::kSettle);
  occupancy.full_events = 7;
  look_later(TableWatch::kSettle);
  EXPECT_EQ(told, Told({true}));
  look_later(10 * TableWatch::kSettle);
  EXPECT_EQ(told, Told({true})) << "no room yet";
  occupancy.used = 7;
  look_later(TableWatch::kSettle);
  EXPECT_EQ(told, Told({true, false}));
  look_later(TableWatch::kSettle);
  EXPECT_EQ(told, Told({true, false}));
  occupancy.full_events = 8;
  look_later(TableWatch::kSettle / 2);
  look_later(TableWatch::kSettle / 2);
  EXPECT_EQ(told, Told({true, false, true})) << "not to and fro at once";
  look_later(TableWatch::kSettle / 2);
  EXPECT_EQ(told, Told({true, false, true, false}));
}

TEST(FullTables, AnObjectThatWasRefusedFitsWhenAnotherOneGoes) {
  PipelineLab lab;
  std::vector<std::pair<std::string, bool>> told;
  lab.dataplane().on_table_state(
      [&](const TableOccupancy& occupancy, bool full) { told.emplace_back(occupancy.name, full); });
  const auto neighbor = [](std::uint32_t number) {
    return NeighborConfig{{kVni, numbered_ip(number, number % 2 == 0)},
                          numbered_mac(number),
                          IpAddress{net::kPeerVtep}};
  };
  std::uint32_t number = 0;
  while (!lab.programmer().set(neighbor(number))) {
    ++number;
  }
  EXPECT_TRUE(lab.programmer().set(neighbor(number + 1)));
  lab.walk();
  const std::pair<std::string, bool> full{"neighbors", true};
  ASSERT_EQ(told, std::vector{full});
  lab.programmer().remove_neighbor(neighbor(0).key);
  EXPECT_FALSE(lab.programmer().set(neighbor(number))) << "at once";
  lab.programmer().remove_neighbor(neighbor(1).key);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (told.size() < 2 && std::chrono::steady_clock::now() < deadline) {
    lab.walk();
  }
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1], (std::pair<std::string, bool>{"neighbors", false}));
  for (const auto& occupancy : lab.dataplane().table_occupancies()) {
    EXPECT_TRUE(occupancy.bytes > 0 || occupancy.used == 0) << occupancy.name;
  }
}

}  // namespace
}  // namespace alkaid::test
