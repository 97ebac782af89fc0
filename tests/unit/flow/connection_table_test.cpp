#include "dataplane/flow/connection_table.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "dataplane/flow/populate.hpp"

namespace alkaid {
namespace {

using Table = ConnectionTable<FlowKeyV4>;

FlowKeyV4 key_of(std::uint32_t flow, bool reply) {
  const FlowKeyV4 key{0x0100000a0200000aULL, flow, flow_scope(3, Side::kGuest, 6)};
  return reply ? key.reversed(flow_scope(5, Side::kUnderlay, 6)) : key;
}

ConnectionNumber allocate(Table& table) {
  std::array<ConnectionNumber, 1> number{};
  return table.take_free(number) == 1 ? number[0] : UINT32_MAX;
}

// reversed: opened by the other end.
Table::InsertResult insert(Table& table, ConnectionNumber number, std::uint32_t flow,
                           bool reversed = false) {
  const FlowKeyV4 original = key_of(flow, reversed);
  const FlowKeyV4 reply = key_of(flow, !reversed);
  table.half(number, Direction::kOriginal).key = original;
  table.half(number, Direction::kReply).key = reply;
  table.record(number).life.fetch_add(1);
  return table.insert(number, {original.hash(), reply.hash()});
}

TEST(ConnectionTable, IsFoundByBothKeys) {
  Table table(1024, 2);
  const ConnectionNumber number = allocate(table);
  EXPECT_EQ(insert(table, number, 1).existing, kNoFlow);
  const FlowKeyV4 there = key_of(1, false);
  const FlowKeyV4 back = key_of(1, true);
  EXPECT_EQ(table.find(there, there.hash()), reference_of(number, Direction::kOriginal));
  EXPECT_EQ(table.find(back, back.hash()), reference_of(number, Direction::kReply));
  EXPECT_EQ(number_of(reference_of(number, Direction::kReply)), number);
  EXPECT_EQ(direction_of(reference_of(number, Direction::kReply)), Direction::kReply);
  const std::uint32_t life = table.record(number).life.load();
  EXPECT_TRUE(table.end_life(number, life));
  EXPECT_FALSE(table.end_life(number, life)) << "only one takes it down";
  table.unlink(number);
  EXPECT_EQ(table.find(there, there.hash()), kNoFlow);
  EXPECT_EQ(table.find(back, back.hash()), kNoFlow);
}

TEST(ConnectionTable, OneKeyIsOneConnections) {
  Table table(1024, 2);
  const ConnectionNumber first = allocate(table);
  const ConnectionNumber second = allocate(table);
  EXPECT_EQ(insert(table, first, 1).existing, kNoFlow);
  EXPECT_EQ(insert(table, second, 1).existing, reference_of(first, Direction::kOriginal));
  EXPECT_EQ(insert(table, second, 1, true).existing, reference_of(first, Direction::kReply));
}

TEST(ConnectionTable, GivesOutEveryConnectionOnce) {
  Table table(1024, 2);
  std::vector<ConnectionNumber> all(4096);
  const std::size_t count = table.take_free(all);
  EXPECT_EQ(count, 1024 + table.reserve());
  all.resize(count);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  EXPECT_EQ(table.free_count(), 0U);
  table.give_back(all);
  EXPECT_EQ(table.free_count(), count);
}

TEST(ConnectionTable, ScopesKeepTenantsApart) {
  const FlowKeyV4 one{1, 2, flow_scope(1, Side::kGuest, 17)};
  for (const std::uint32_t scope :
       {flow_scope(2, Side::kGuest, 17), flow_scope(1, Side::kUnderlay, 17),
        flow_scope(1, Side::kGuest, 6)}) {
    const FlowKeyV4 other{1, 2, scope};
    EXPECT_FALSE(one == other);
    EXPECT_NE(one.hash(), other.hash());
  }
  EXPECT_EQ(zone_of(flow_scope((1U << 23) - 1, Side::kUnderlay, 255)), (1U << 23) - 1);
  EXPECT_EQ(side_of(flow_scope(0, Side::kUnderlay, 0)), Side::kUnderlay);
  EXPECT_EQ(protocol_of(flow_scope((1U << 23) - 1, Side::kUnderlay, 132)), 132);
}

TEST(ConnectionTable, Ipv6KeysAndTheirReverse) {
  FlowKeyV6 key{{1, 2}, {3, 4}, 0x11112222, flow_scope(1, Side::kGuest, 6)};
  const auto back = key.reversed(key.scope);
  EXPECT_EQ(back.from, key.to);
  EXPECT_EQ(back.ports, 0x22221111U);
  EXPECT_TRUE(back.reversed(key.scope) == key);
  FlowKeyV6 other = key;
  other.to[1] ^= 1;
  EXPECT_FALSE(other == key);
  EXPECT_NE(other.hash(), key.hash());
}

// Both ends open the same connections at once, on two threads, while a third looks: one of each
// comes to be, and what is found is what was asked for.
TEST(ConnectionTable, OpenedFromBothEndsAtOnce) {
  constexpr std::uint32_t kFlows = 20'000;
  Table table(2 * kFlows, 2);
  std::atomic<bool> done{false};
  std::atomic<std::uint32_t> won{0};
  const auto open = [&](bool reversed, unsigned seed) {
    std::vector<std::uint32_t> flows(kFlows);
    for (std::uint32_t i = 0; i < kFlows; ++i) {
      flows[i] = i;
    }
    // Nearly the same order, so that they meet.
    std::mt19937 random(seed);
    for (std::uint32_t i = 0; i + 8 < kFlows; i += 8) {
      std::shuffle(flows.begin() + i, flows.begin() + i + 8, random);
    }
    for (const std::uint32_t flow : flows) {
      const auto result = insert(table, allocate(table), flow, reversed);
      ASSERT_FALSE(result.full);
      won += result.existing == kNoFlow ? 1 : 0;
    }
  };
  std::thread reader([&] {
    std::mt19937 random(3);
    while (!done.load()) {
      const FlowKeyV4 key = key_of(random() % kFlows, (random() & 1) != 0);
      const FlowReference reference = table.find(key, key.hash());
      ASSERT_TRUE(reference == kNoFlow || table.half(reference).key == key);
    }
  });
  std::thread one(open, false, 1);
  std::thread other(open, true, 2);
  one.join();
  other.join();
  done = true;
  reader.join();
  EXPECT_EQ(won.load(), kFlows);
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
    const FlowKeyV4 there = key_of(flow, false);
    const FlowKeyV4 back = key_of(flow, true);
    const FlowReference found = table.find(there, there.hash());
    ASSERT_NE(found, kNoFlow);
    ASSERT_EQ(number_of(table.find(back, back.hash())), number_of(found));
  }
}

// The only creator takes no lock, while another thread ends what it makes and a third one looks.
TEST(ConnectionTable, OneCreatorWhileAnotherThreadEndsWhatItMakes) {
  constexpr std::uint32_t kFlows = 500;
  constexpr std::uint32_t kConnections = 40'000;
  Table table(kConnections, 1);
  std::atomic<ConnectionNumber> made{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::mt19937 random(3);
    while (!done.load()) {
      const FlowKeyV4 key = key_of(random() % kFlows, (random() & 1) != 0);
      const FlowReference reference = table.find(key, key.hash());
      ASSERT_TRUE(reference == kNoFlow || table.half(reference).key == key);
    }
  });
  std::thread keeper([&] {
    ConnectionNumber next = 0;
    while (next < kConnections) {
      for (const ConnectionNumber end = made.load(std::memory_order_acquire); next < end; ++next) {
        const std::uint32_t life = table.record(next).life.load();
        if (table.end_life(next, life)) {
          table.unlink(next);
        }
      }
    }
  });
  // No number is used twice: what is read stays what it was.
  std::mt19937 random(4);
  std::uint32_t won = 0;
  for (ConnectionNumber number = 0; number < kConnections; ++number) {
    const auto result = insert(table, number, random() % kFlows, (random() & 1) != 0);
    ASSERT_FALSE(result.full);
    if (result.existing == kNoFlow) {
      ++won;
    } else {
      table.record(number).life.fetch_add(1);  // it never lived
    }
    made.store(number + 1, std::memory_order_release);
  }
  keeper.join();
  done = true;
  reader.join();
  EXPECT_GE(won, kFlows);
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
    for (const bool reply : {false, true}) {
      const FlowKeyV4 key = key_of(flow, reply);
      ASSERT_EQ(table.find(key, key.hash()), kNoFlow);
    }
  }
}

// Whether the page that holds it is in memory.
bool is_resident(const void* object) {
  const auto page = static_cast<std::uintptr_t>(::getpagesize());
  const auto address = reinterpret_cast<std::uintptr_t>(object) / page * page;
  unsigned char resident = 0;
  EXPECT_EQ(::mincore(reinterpret_cast<void*>(address), 1, &resident), 0);
  return (resident & 1) != 0;
}

TEST(ConnectionTable, WorkersNeedNotWaitForMemoryOfNewConnections) {
  FlowMemory memory{1};
  populate(memory.as<char>(), 1);
  if (!is_resident(memory.as<char>())) {
    GTEST_SKIP() << "this kernel can't populate memory (before 5.14)";
  }
  constexpr ConnectionNumber kFarAhead = 5 * kConnectionsAhead;
  Table table(1U << 20, 1);
  const auto has_memory = [&table](ConnectionNumber number) {
    return is_resident(&table.half(number, Direction::kOriginal)) &&
           is_resident(&table.record(number));
  };
  EXPECT_TRUE(has_memory(0));
  EXPECT_TRUE(has_memory(kConnectionsAhead - 1));
  EXPECT_FALSE(has_memory(kFarAhead)) << "a small host needs little";
  std::vector<ConnectionNumber> numbers(kConnectionsAhead / 4);
  for (int part = 0; part < 4; ++part) {
    ASSERT_EQ(table.take_free(numbers), numbers.size());
    populate_ahead(table);
  }
  for (ConnectionNumber number = 0; number < 2 * kConnectionsAhead; number += 16) {
    ASSERT_TRUE(has_memory(number)) << number;
  }
  EXPECT_FALSE(has_memory(kFarAhead));
}

}  // namespace
}  // namespace alkaid
