// Different keys with one hash: each connection is found by its own keys and ends alone. The keys
// are made with the secrets of this process, which no guest knows.
#include <array>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/flow/connection_table.hpp"
#include "tests/unit/flow/families.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kScope = flow_scope(3, Side::kGuest, 6);
constexpr std::uint32_t kReplyScope = flow_scope(3, Side::kUnderlay, 6);

// The first factor is 0, so that ports make no difference.
void collide(FlowKeyV4& key, std::uint32_t flow) {
  key.addresses = kFlowSecrets.words[0];
  key.ports = flow;
}
// Both products are 0, so that the lower halves of the addresses make no difference.
void collide(FlowKeyV6& key, std::uint32_t flow) {
  key.from = {kFlowSecrets.words[0], flow};
  key.to = {kFlowSecrets.words[3], ~std::uint64_t{flow}};
  key.ports = 443;
}

template <class Key>
class ConnectionCollisions : public ::testing::Test {
 protected:
  // Of each connection one key is of the one hash: of odd flows it is the reply's.
  struct Keys {
    Key original;
    Key reply;
  };
  static Keys keys_of(std::uint32_t flow) {
    Key key;
    collide(key, flow);
    key.scope = kScope;
    const Key answer = key.reversed(kReplyScope);
    return flow % 2 == 0 ? Keys{key, answer} : Keys{answer, key};
  }
  static std::uint64_t colliding_hash(std::uint32_t flow) {
    const Keys keys = keys_of(flow);
    return flow % 2 == 0 ? keys.original.hash() : keys.reply.hash();
  }

  typename ConnectionTable<Key>::InsertResult insert(ConnectionNumber number, std::uint32_t flow) {
    const Keys keys = keys_of(flow);
    table_.half(number, Direction::kOriginal).key = keys.original;
    table_.half(number, Direction::kReply).key = keys.reply;
    table_.record(number).life.store(1);
    return table_.insert(number, {keys.original.hash(), keys.reply.hash()});
  }
  [[nodiscard]] FlowReference find_original(std::uint32_t flow) const {
    const Key key = keys_of(flow).original;
    return table_.find(key, key.hash());
  }
  [[nodiscard]] FlowReference find_reply(std::uint32_t flow) const {
    const Key key = keys_of(flow).reply;
    return table_.find(key, key.hash());
  }

  ConnectionTable<Key> table_{4096, 2};
};

TYPED_TEST_SUITE(ConnectionCollisions, Families, FamilyName);

TYPED_TEST(ConnectionCollisions, EachIsFoundAndEndsAlone) {
  constexpr std::uint32_t kFlows = 25;  // more than two buckets hold
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
    ASSERT_EQ(this->colliding_hash(flow), this->colliding_hash(0)) << "or nothing collides";
    const auto result = this->insert(flow, flow);
    ASSERT_EQ(result.existing, kNoFlow) << flow << " is another connection";
    ASSERT_FALSE(result.full);
  }
  for (std::uint32_t ended = 0; ended <= kFlows; ++ended) {
    for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
      const bool lives = flow >= ended;
      EXPECT_EQ(this->find_original(flow),
                lives ? reference_of(flow, Direction::kOriginal) : kNoFlow);
      EXPECT_EQ(this->find_reply(flow), lives ? reference_of(flow, Direction::kReply) : kNoFlow);
    }
    if (ended < kFlows) {
      ASSERT_TRUE(this->table_.end_life(ended, 1));
      this->table_.unlink(ended);
    }
  }
  EXPECT_EQ(this->find_original(kFlows), kNoFlow) << "another key of the hash is nobody's";
}

// What doesn't fit any more is refused as a whole, whichever of its keys it is. Other keys may be
// in the same buckets by chance, and take or leave a place there.
TYPED_TEST(ConnectionCollisions, WhatHasNoRoomLeavesNothingBehind) {
  std::uint32_t live = 0;
  std::uint32_t next = 0;
  for (std::array<bool, 2> was_refused{}; !was_refused[0] || !was_refused[1]; ++next) {
    ASSERT_LT(next, 1000U);
    if (!this->insert(next, next).full) {
      ++live;
      continue;
    }
    was_refused[next % 2] = true;
    EXPECT_EQ(this->find_original(next), kNoFlow);
    EXPECT_EQ(this->find_reply(next), kNoFlow);
  }
  EXPECT_LE(live, 80U) << "eight buckets of ten";
  EXPECT_GE(live, 60U);
  for (const std::uint32_t ended : {7, 8, 9}) {
    this->table_.unlink(ended);
  }
  EXPECT_FALSE(this->insert(next, next).full);
  EXPECT_EQ(this->find_original(next), reference_of(next, Direction::kOriginal));
  EXPECT_EQ(this->find_reply(next), reference_of(next, Direction::kReply));
}

}  // namespace
}  // namespace alkaid
