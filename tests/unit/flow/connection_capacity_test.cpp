// A table of four million connections, of either family: all fit, all are found by both keys, what
// ends makes room, and a connection takes no more memory than it may.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/connection_table.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "tests/unit/flow/families.hpp"

namespace alkaid {
namespace {

// Sanitizers take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t kCapacity = 1U << 19;
#else
constexpr std::uint32_t kCapacity = 1U << 22;
#endif

// As many hosts and ports as a large tenant has: neighboring tuples, not random ones.
void set_tuple(FlowKeyV4& key, std::uint64_t flow) {
  key.addresses = 0x0100000a'0000000aULL + (flow >> 12 << 8);
  key.ports = static_cast<std::uint32_t>((flow & 0xfff) + 1024) | 443U << 16;
}
void set_tuple(FlowKeyV6& key, std::uint64_t flow) {
  key.from = {0xb80d0120, flow >> 12};
  key.to = {0xb80d0120, 1};
  key.ports = static_cast<std::uint32_t>((flow & 0xfff) + 1024) | 443U << 16;
}

template <class Key>
class ConnectionCapacity : public ::testing::Test {
 protected:
  using Table = ConnectionTable<Key>;
  using Numbers = std::vector<ConnectionNumber>;
  struct Entry {
    ConnectionNumber number = 0;
    std::uint64_t flow = 0;
  };
  using Entries = std::vector<Entry>;

  static Key key_of(std::uint64_t flow, Direction direction) {
    Key key;
    set_tuple(key, flow);
    key.scope = flow_scope(3, Side::kGuest, 6);
    return direction == Direction::kOriginal ? key
                                             : key.reversed(flow_scope(3, Side::kUnderlay, 6));
  }

  // All that are free.
  static Numbers take_all(Table& table) {
    Numbers numbers(2 * std::size_t{kCapacity});
    numbers.resize(table.take_free(numbers));
    EXPECT_EQ(table.free_count(), 0U);
    return numbers;
  }

  // Makes them the flows from `first` on; returns those that had room in the index. All buckets of
  // a key's sequence are full once in some 500,000 times where every connection is in use.
  static Entries insert(Table& table, const Numbers& numbers, std::uint64_t first) {
    Entries entries;
    entries.reserve(numbers.size());
    // A batch's buckets are fetched at once.
    constexpr std::size_t kBatch = 32;
    std::array<ConnectionHashes, kBatch> hashes;
    for (std::size_t begin = 0; begin < numbers.size(); begin += kBatch) {
      const std::size_t end = std::min(begin + kBatch, numbers.size());
      for (std::size_t i = begin; i < end; ++i) {
        const Key original = key_of(first + i, Direction::kOriginal);
        const Key reply = key_of(first + i, Direction::kReply);
        table.half(numbers[i], Direction::kOriginal).key = original;
        table.half(numbers[i], Direction::kReply).key = reply;
        table.record(numbers[i]).life.fetch_add(1);
        hashes[i - begin] = {original.hash(), reply.hash()};
        table.prefetch_buckets(hashes[i - begin]);
      }
      for (std::size_t i = begin; i < end; ++i) {
        const auto result = table.insert(numbers[i], hashes[i - begin]);
        EXPECT_EQ(result.existing, kNoFlow);
        if (!result.full) {
          entries.push_back({numbers[i], first + i});
        }
      }
    }
    EXPECT_LE(numbers.size() - entries.size(), numbers.size() / 10'000);
    return entries;
  }

  // How many keys of these are found where they were put.
  static std::size_t found(const Table& table, const Entries& entries) {
    std::size_t found = 0;
    for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
      for (const Entry& entry : entries) {
        const Key key = key_of(entry.flow, direction);
        found += table.find(key, key.hash()) == reference_of(entry.number, direction) ? 1 : 0;
      }
    }
    return found;
  }
};

TYPED_TEST_SUITE(ConnectionCapacity, Families, FamilyName);

TYPED_TEST(ConnectionCapacity, FourMillionFitAreFoundAndMakeRoom) {
  using Test = TestFixture;
  typename Test::Table table(kCapacity, 1);
  const auto entries = Test::insert(table, Test::take_all(table), 0);
  EXPECT_GE(entries.size(), kCapacity);
  EXPECT_EQ(Test::found(table, entries), 2 * entries.size());

  // Every other one ends.
  typename Test::Numbers ended;
  typename Test::Entries others;
  for (const auto& entry : entries) {
    if (entry.flow % 2 != 0) {
      others.push_back(entry);
      continue;
    }
    ASSERT_TRUE(table.end_life(entry.number, table.record(entry.number).life.load()));
    table.unlink(entry.number);
    ended.push_back(entry.number);
  }
  EXPECT_EQ(Test::found(table, entries), 2 * others.size());

  // New ones take their place beside those that stayed.
  table.give_back(ended);
  EXPECT_EQ(table.free_count(), ended.size());
  const auto again = Test::insert(table, Test::take_all(table), 1ULL << 30);
  EXPECT_EQ(Test::found(table, again), 2 * again.size());
  EXPECT_EQ(Test::found(table, others), 2 * others.size());
}

// Everything, what waits for grace periods and the worker's own included, by what --connections
// says. Nothing of it has to be touched.
TYPED_TEST(ConnectionCapacity, AConnectionTakesNoMoreMemoryThanItMay) {
  using Table = typename TestFixture::Table;
  constexpr std::size_t kOfWorker = WorkerFlows<TypeParam>::bytes();
  for (const std::uint32_t capacity : {1U << 20, 1U << 22, 1U << 24}) {
    const Table table(capacity, 1);
    EXPECT_LE(static_cast<double>(table.bytes() + kOfWorker) / capacity,
              TypeParam::kIsV6 ? 256 : 192);
    EXPECT_GE(table.free_count(), capacity);
  }
}

}  // namespace
}  // namespace alkaid
