// The packets of one worker that wait: order, bounds, time, ports.
#include "dataplane/on_demand/waiting_store.hpp"

#include <deque>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

using Answer = WaitingStore::Answer;

constexpr Vni kVni = Vni::from_trusted(77);

WaiterKey key(std::uint32_t address, std::uint32_t port = 0, std::uint32_t generation = 1) {
  return {{.ip = IpAddress{Ipv4Address{address}}, .vni = kVni}, {port, generation}};
}

// Packets are told apart by numbers.
void* packet(std::uintptr_t number) {
  return reinterpret_cast<void*>(number);
}

struct Taken {
  std::vector<std::uintptr_t> packets;
  auto give() {
    return [this](void* one) { packets.push_back(reinterpret_cast<std::uintptr_t>(one)); };
  }
};

TEST(WaitingStore, GivesBackInOrderAndOnlyWhatWaitsForIt) {
  WaitingStore store({.packets = 16, .ports = 2});
  EXPECT_EQ(store.add(key(1), packet(1), 0), Answer::kFirst);
  EXPECT_EQ(store.add(key(2), packet(2), 0), Answer::kFirst);
  EXPECT_EQ(store.add(key(1), packet(3), 1), Answer::kJoined);
  EXPECT_EQ(store.add(key(1, 1), packet(4), 1), Answer::kFirst);  // another port waits by itself
  EXPECT_TRUE(store.holds(key(1)));
  Taken taken;
  EXPECT_EQ(store.take(key(1), taken.give()), 2U);
  EXPECT_EQ(taken.packets, (std::vector<std::uintptr_t>{1, 3}));
  EXPECT_FALSE(store.holds(key(1)));
  EXPECT_TRUE(store.holds(key(1, 1)));
  EXPECT_EQ(store.waiting(), 2U);
  EXPECT_EQ(store.take(key(1), taken.give()), 0U);
}

TEST(WaitingStore, IpAndMacAndVniAreDifferentDestinations) {
  WaitingStore store({.packets = 16, .ports = 1});
  WaiterKey by_mac{{.vni = kVni, .mac = MacAddress::from_number(1)}, {0, 1}};
  WaiterKey elsewhere = key(1);
  elsewhere.address.vni = Vni::from_trusted(78);
  EXPECT_EQ(store.add(key(1), packet(1), 0), Answer::kFirst);
  EXPECT_EQ(store.add(by_mac, packet(2), 0), Answer::kFirst);
  EXPECT_EQ(store.add(elsewhere, packet(3), 0), Answer::kFirst);
}

TEST(WaitingStore, BoundsADestination) {
  WaitingStore store({.packets = 64, .ports = 1, .per_destination = 3});
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(store.add(key(1), packet(1), 0), Answer::kTooMany);
  }
  EXPECT_EQ(store.add(key(1), packet(1), 0), Answer::kTooMany);
  EXPECT_EQ(store.add(key(2), packet(1), 0), Answer::kFirst);
}

TEST(WaitingStore, APortLeavesAsMuchAsItHasToTheOthers) {
  WaitingStore store({.packets = 64, .ports = 3});
  std::uint32_t of_first = 0;
  while (store.add(key(of_first), packet(1), 0) == Answer::kFirst) {
    ++of_first;
  }
  EXPECT_EQ(of_first, 32U);
  std::uint32_t of_second = 0;
  while (store.add(key(of_second, 1), packet(1), 0) == Answer::kFirst) {
    ++of_second;
  }
  EXPECT_EQ(of_second, 16U);
  EXPECT_EQ(store.add(key(1, 2), packet(1), 0), Answer::kFirst);
  EXPECT_LE(store.waiting(), 64U);
}

TEST(WaitingStore, APortsNewDestinationsCostTokens) {
  WaitingStore store({.packets = 1024, .ports = 2, .burst = 4, .per_second = 100});
  std::uint32_t now = 1000;
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(store.add(key(i), packet(1), now), Answer::kFirst);
  }
  EXPECT_EQ(store.add(key(9), packet(1), now), Answer::kRateLimited);
  EXPECT_EQ(store.add(key(0), packet(1), now), Answer::kJoined);  // nothing new
  EXPECT_EQ(store.add(key(9, 1), packet(1), now), Answer::kFirst);
  now += 9;
  EXPECT_EQ(store.add(key(9), packet(1), now), Answer::kRateLimited);
  now += 1;
  EXPECT_EQ(store.add(key(9), packet(1), now), Answer::kFirst);
  EXPECT_EQ(store.add(key(10), packet(1), now), Answer::kRateLimited);
  now += 1000000;
  for (std::uint32_t i = 20; i < 24; ++i) {
    EXPECT_EQ(store.add(key(i), packet(1), now), Answer::kFirst);
  }
  EXPECT_EQ(store.add(key(24), packet(1), now), Answer::kRateLimited);
}

TEST(WaitingStore, ExpiresByAgeAcrossTheClocksWrap) {
  constexpr std::uint32_t kStart = UINT32_MAX - 50;
  WaitingStore store({.packets = 16, .ports = 1, .wait = 100});
  store.add(key(1), packet(1), kStart);
  store.add(key(2), packet(2), kStart + 60);
  store.add(key(1), packet(3), kStart + 90);  // doesn't make the first one wait longer
  Taken taken;
  EXPECT_EQ(store.take_expired(kStart + 99, false, 100, taken.give()), 0U);
  EXPECT_EQ(store.take_expired(kStart + 100, false, 100, taken.give()), 2U);
  EXPECT_EQ(taken.packets, (std::vector<std::uintptr_t>{1, 3}));
  EXPECT_EQ(store.take_expired(kStart + 160, false, 100, taken.give()), 1U);
  EXPECT_TRUE(store.empty());
  EXPECT_EQ(store.destinations(), 0U);
}

TEST(WaitingStore, TakesAPortsPacketsInParts) {
  WaitingStore store({.packets = 64, .ports = 2});
  for (std::uint32_t i = 0; i < 10; ++i) {
    store.add(key(i), packet(1), 0);
    store.add(key(i, 1), packet(2), 0);
  }
  store.add(key(3, 0, 2), packet(3), 0);  // of the next port with the same index
  Taken taken;
  EXPECT_EQ(store.take_port({0, 1}, 4, taken.give()), 4U);
  EXPECT_EQ(store.take_port({0, 1}, 100, taken.give()), 6U);
  EXPECT_EQ(taken.packets, std::vector<std::uintptr_t>(10, 1));
  EXPECT_EQ(store.waiting_of(0), 1U);
  EXPECT_EQ(store.waiting_of(1), 10U);
}

// Many of the next port are there already, and one of a port before that came too late.
TEST(WaitingStore, TakesWhatIsLeftOfEarlierPortsWithTheIndex) {
  WaitingStore store({.packets = 256, .ports = 1});
  store.add(key(1, 0, UINT32_MAX), packet(1), 0);
  store.add(key(2, 0, 0), packet(2), 0);
  for (std::uint32_t i = 0; i < 100; ++i) {
    store.add(key(i, 0, 1), packet(3), 0);
  }
  Taken taken;
  EXPECT_EQ(store.take_port({0, 0}, 4, taken.give()), 2U);
  EXPECT_EQ(taken.packets, (std::vector<std::uintptr_t>{1, 2}));
  EXPECT_EQ(store.take_port({0, 1}, 1000, taken.give()), 100U);
  EXPECT_TRUE(store.empty());
}

// Against a plain model: whatever happens, nothing is lost, doubled or out of order.
TEST(WaitingStore, BehavesAsAMapOfQueues) {
  std::mt19937 random(20240607);
  const auto below = [&random](std::uint32_t limit) { return random() % limit; };
  WaitingStore store(
      {.packets = 48, .ports = 3, .per_destination = 5, .burst = 1000000, .wait = 200});
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<std::uintptr_t>> model;
  std::uintptr_t next = 1;
  std::uint32_t now = 0;
  std::size_t in_model = 0;
  for (int step = 0; step < 200000; ++step) {
    now += below(3);
    const std::uint32_t port = below(3);
    const std::uint32_t address = below(12);
    auto& queue = model[{port, address}];
    Taken taken;
    switch (below(8)) {
      case 0: {
        store.take(key(address, port), taken.give());
        ASSERT_EQ(taken.packets, std::vector<std::uintptr_t>(queue.begin(), queue.end()));
        in_model -= queue.size();
        queue.clear();
        break;
      }
      case 1: {
        store.take_port({port, 1}, UINT32_MAX, taken.give());
        std::size_t expected = 0;
        for (auto& [of, waiting] : model) {
          if (of.first == port) {
            expected += waiting.size();
            waiting.clear();
          }
        }
        ASSERT_EQ(taken.packets.size(), expected);
        in_model -= expected;
        break;
      }
      default: {
        const Answer answer = store.add(key(address, port), packet(next), now);
        ASSERT_NE(answer, Answer::kRateLimited);
        if (answer != Answer::kTooMany) {
          ASSERT_EQ(answer == Answer::kFirst, queue.empty());
          queue.push_back(next++);
          ++in_model;
        }
        break;
      }
    }
    ASSERT_EQ(store.waiting(), in_model);
  }
}

}  // namespace
}  // namespace alkaid
