#include "dataplane/flow/flow_index.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

TEST(FlowIndex, AgreesWithAMap) {
  constexpr std::size_t kKeys = 4000;
  FlowMemory memory(FlowIndex::bytes(kKeys));
  FlowIndex index(kKeys, memory);
  std::map<FlowReference, std::uint64_t> present;
  std::mt19937_64 random(7);
  for (int step = 0; step < 200'000; ++step) {
    const auto reference = static_cast<FlowReference>(1 + random() % (2 * kKeys));
    const auto found = present.find(reference);
    if (found != present.end()) {
      index.erase(found->second, reference);
      present.erase(found);
    } else if (present.size() < kKeys) {
      const std::uint64_t hash = random();
      ASSERT_TRUE(index.insert(hash, reference)) << "with " << present.size() << " keys";
      present.emplace(reference, hash);
    }
    if (step % 1000 == 0) {
      for (const auto& [number, hash] : present) {
        ASSERT_EQ(index.find(hash, [n = number](FlowReference r) { return r == n; }), number);
      }
    }
  }
  for (const auto& [number, hash] : present) {
    index.erase(hash, number);
    ASSERT_EQ(index.find(hash, [n = number](FlowReference r) { return r == n; }), kNoFlow);
  }
}

// Forced collisions: all keys have one hash.
TEST(FlowIndex, KeysOfOneHashFillTheirSequenceAndNoMore) {
  FlowMemory memory(FlowIndex::bytes(10'000));
  FlowIndex index(10'000, memory);
  constexpr std::uint64_t kHash = 0x123456789abcdef0;
  FlowReference last = 0;
  while (index.insert(kHash, last + 1)) {
    ++last;
    ASSERT_LE(last, 1000U);
  }
  EXPECT_EQ(last, 80U) << "eight buckets of ten";
  for (FlowReference wanted = 1; wanted <= last; ++wanted) {
    EXPECT_EQ(index.find(kHash, [&](FlowReference r) { return r == wanted; }), wanted);
  }
  for (FlowReference wanted = 1; wanted <= last; ++wanted) {
    index.erase(kHash, wanted);
  }
  EXPECT_EQ(index.find(kHash, [](FlowReference) { return true; }), kNoFlow);
  EXPECT_TRUE(index.insert(kHash, 1));
}

TEST(FlowIndex, TheCandidateIsInTheHomeBucket) {
  FlowMemory memory(FlowIndex::bytes(100));
  FlowIndex index(100, memory);
  ASSERT_TRUE(index.insert(42, 7));
  EXPECT_EQ(index.candidate(42), 7U);
  EXPECT_EQ(index.candidate(43ULL << 48), kNoFlow);
  EXPECT_FALSE(index.may_be_elsewhere(42)) << "its home bucket has room";
}

TEST(FlowIndex, WhoFindsItsHomeBucketFullHasItsCandidateInTheNext) {
  FlowMemory memory(FlowIndex::bytes(10'000));
  FlowIndex index(10'000, memory);
  const auto hash = [](std::uint64_t signature) { return signature << 48 | 0x123456789abc; };
  for (FlowReference reference = 1; reference <= 11; ++reference) {
    ASSERT_TRUE(index.insert(hash(reference), reference));
  }
  for (FlowReference reference = 1; reference <= 10; ++reference) {
    EXPECT_EQ(index.candidate(hash(reference)), reference);
  }
  EXPECT_EQ(index.candidate(hash(11)), kNoFlow);
  EXPECT_TRUE(index.may_be_elsewhere(hash(11)));
  EXPECT_EQ(index.candidate_elsewhere(hash(11)), 11U);
}

}  // namespace
}  // namespace alkaid
