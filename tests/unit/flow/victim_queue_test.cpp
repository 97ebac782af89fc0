#include "dataplane/flow/victim_queue.hpp"

#include <deque>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

constexpr std::uint32_t kPiece = VictimPool::kPiece;

class VictimQueues : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kConnections = 4 * kPiece;
  static constexpr std::size_t kQueues = 2;

  static std::uint32_t life_of(std::uint32_t number) { return 2 * (number % 77) + 1; }
  static void push(VictimQueue& queue, std::uint32_t first, std::uint32_t end) {
    for (std::uint32_t number = first; number < end; ++number) {
      queue.push(number % kConnections, life_of(number % kConnections));
    }
  }
  static void expect(VictimQueue& queue, std::uint32_t first, std::uint32_t end) {
    for (std::uint32_t number = first; number < end; ++number) {
      ASSERT_GT(queue.count(), 0U);
      const auto victim = queue.pop();
      ASSERT_EQ(victim.number, number % kConnections);
      ASSERT_TRUE(queue.is_of(victim, life_of(victim.number)));
    }
  }

  FlowMemory memory{VictimPool::bytes(kConnections, kQueues)};
  VictimPool pool{kConnections, kQueues, memory};
  VictimQueue one{pool};
  VictimQueue other{pool};
};

TEST_F(VictimQueues, AgreeWithADequeWhileThereIsRoom) {
  using Model = std::deque<std::pair<ConnectionNumber, std::uint32_t>>;
  std::mt19937 random(7);
  std::pair<VictimQueue*, Model> queues[] = {{&one, {}}, {&other, {}}};
  for (int round = 0; round < 20'000; ++round) {
    auto& [queue, model] = queues[random() % 2];
    const bool grows = round / 1000 % 2 == 0;
    for (std::uint32_t i = random() % 64; i > 0; --i) {
      if (random() % 4 != 0 ? grows : !grows) {
        if (queues[0].second.size() + queues[1].second.size() < kConnections - kPiece) {
          const std::pair<ConnectionNumber, std::uint32_t> victim{random() % kConnections,
                                                                  random() | 1U};
          queue->push(victim.first, victim.second);
          model.push_back(victim);
        }
      } else if (!model.empty()) {
        const auto victim = queue->pop();
        ASSERT_EQ(victim.number, model.front().first);
        ASSERT_TRUE(queue->is_of(victim, model.front().second));
        model.pop_front();
      }
    }
    ASSERT_EQ(queue->count(), model.size());
  }
}

TEST_F(VictimQueues, OneMayHoldAllConnections) {
  push(one, 0, kConnections);
  EXPECT_EQ(one.count(), kConnections);
  expect(one, 0, kConnections);
  EXPECT_EQ(one.count(), 0U);
  push(other, 0, kConnections);
  expect(other, 0, kConnections);
}

TEST_F(VictimQueues, WithoutRoomTheOldestAreForgotten) {
  constexpr std::uint32_t kPushed = 10 * kConnections + 3;
  push(one, 0, kPushed);
  // Five pieces are its own, of which the last has three.
  ASSERT_EQ(one.count(), 4 * kPiece + 3);
  expect(one, kPushed - 4 * kPiece - 3, kPushed);
  EXPECT_EQ(one.count(), 0U);
}

TEST_F(VictimQueues, WhoComesLateHasAPieceOfItsOwn) {
  push(one, 0, 10 * kConnections);
  push(other, 0, 3 * kPiece + 9);
  EXPECT_EQ(other.count(), 9U);
  expect(other, 3 * kPiece, 3 * kPiece + 9);
  // What the first one no longer needs is the other one's.
  const std::uint64_t left = one.count();
  expect(one, static_cast<std::uint32_t>(10 * kConnections - left), 10 * kConnections);
  push(other, 0, 3 * kPiece + 9);
  EXPECT_EQ(other.count(), 3 * kPiece + 9);
  expect(other, 0, 3 * kPiece + 9);
}

TEST_F(VictimQueues, WhoHasMoreThanItsShareGivesWay) {
  push(one, 0, 10 * kConnections);
  const std::uint64_t most = one.count();
  one.give_way();
  EXPECT_EQ(one.count(), most) << "nobody wants one";
  for (std::uint32_t number = 0; number < kConnections; ++number) {
    push(other, number, number + 1);
    one.give_way();
    other.give_way();
  }
  EXPECT_LE(one.count(), pool.share());
  EXPECT_GE(other.count() + 2 * kPiece, pool.share());
  // What is left are the newest.
  const std::uint64_t left = one.count();
  expect(one, static_cast<std::uint32_t>(10 * kConnections - left), 10 * kConnections);
}

TEST_F(VictimQueues, AnEarlierLifeIsToldApart) {
  one.push(kConnections - 1, 41);
  const auto victim = one.pop();
  EXPECT_EQ(victim.number, kConnections - 1);
  EXPECT_TRUE(one.is_of(victim, 41));
  for (std::uint32_t life = 43; life < 100'000; life += 2) {
    ASSERT_FALSE(one.is_of(victim, life)) << life;
  }
}

}  // namespace
}  // namespace alkaid
