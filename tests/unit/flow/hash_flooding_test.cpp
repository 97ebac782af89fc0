// What an attacker who chooses tuples can do to the index: without the key nothing, with it only to
// what would be put beside his own flows.
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/flow_index.hpp"
#include "dataplane/flow/flow_key.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kScope = flow_scope(3, Side::kGuest, 6);
constexpr std::size_t kKeys = 1U << 16;
constexpr std::size_t kBuckets = 1U << 14;

// As the index takes it: the low half decides about the first bucket.
std::size_t bucket_of(std::uint64_t hash) {
  return (hash & 0xffffffff) * kBuckets >> 32;
}

// The CRC that others hash flows with (Castagnoli), without its final inversion.
std::uint32_t crc32c(std::uint32_t crc, std::uint64_t data, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    const bool is_set = ((crc ^ static_cast<std::uint32_t>(data >> i)) & 1U) != 0;
    crc = crc >> 1U ^ (is_set ? 0x82f63b78U : 0);
  }
  return crc;
}
std::uint32_t crc_of(std::uint32_t seed, const FlowKeyV4& key) {
  return crc32c(crc32c(seed, key.addresses, 64), key.ports, 32);
}

// Tuples as scanners and floods make them. Random ones would fill no bucket with more than about
// 20 of 4 on average.
TEST(HashFlooding, TuplesInAnyPatternSpread) {
  using Make = std::function<FlowKeyV4(std::uint64_t)>;
  const std::uint64_t addresses = 0x0b00010a0c00010aULL;
  const std::vector<std::pair<const char*, Make>> patterns{
      {"destination ports",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses, static_cast<std::uint32_t>(i << 16), kScope};
       }},
      {"source ports",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses, static_cast<std::uint32_t>(i), kScope};
       }},
      {"addresses",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses + i, 80, kScope};
       }},
      {"the other addresses",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses + (i << 32), 80, kScope};
       }},
      {"steps of a power of two",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses + (i << 48), 80, kScope};
       }},
      {"steps of a bucket's range",
       [&](std::uint64_t i) {
         return FlowKeyV4{i * kBuckets, 80, kScope};
       }},
      {"addresses and ports against each other",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses + i, static_cast<std::uint32_t>(kKeys - i), kScope};
       }},
      {"zones, with a tuple each",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses + i, 80,
                          flow_scope(static_cast<std::uint32_t>(i), Side::kGuest, 6)};
       }},
      {"zones of one tuple",
       [&](std::uint64_t i) {
         return FlowKeyV4{addresses, 80,
                          flow_scope(static_cast<std::uint32_t>(i), Side::kGuest, 6)};
       }},
      {"multiples of a large number", [&](std::uint64_t i) {
         return FlowKeyV4{i * 0x9e3779b97f4a7c15ULL, 80, kScope};
       }}};
  for (const auto& [name, make] : patterns) {
    std::vector<unsigned> load(kBuckets);
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      ++load[bucket_of(make(i).hash())];
    }
    EXPECT_LT(*std::max_element(load.begin(), load.end()), 32U) << name;
  }
}

// A guest's connections with ports in a row are the usual case, and no secret may leave a path out.
TEST(Entropy, PortsInARowSpreadOverThePaths) {
  std::mt19937_64 random(11);
  constexpr unsigned kPorts = 256;
  constexpr unsigned kPaths = 4;
  unsigned uneven = 0;
  for (int guest = 0; guest < 2'000; ++guest) {
    const std::uint64_t addresses = random();
    std::array<unsigned, kPaths> load{};
    for (unsigned port = 0; port < kPorts; ++port) {
      const auto tuple = tuple_hash(addresses, __builtin_bswap16(1000 + port), 17);
      ++load[entropy_of(tuple) >> 14 & (kPaths - 1)];
    }
    uneven += *std::min_element(load.begin(), load.end()) < kPorts / kPaths / 2 ? 1 : 0;
  }
  EXPECT_EQ(uneven, 0U) << "guests of which a path got less than half of its share";
}

// A linear hash's collisions survive every seed: who finds one difference owns all hosts.
TEST(HashFlooding, DifferencesThatBeatLinearHashesBeatNothingHere) {
  std::mt19937_64 random(5);
  std::size_t collisions = 0;
  constexpr int kTries = 20'000;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t difference = random();
    // Puts the CRC's state back to nothing.
    const std::uint32_t undone = crc32c(0, difference, 64);
    const FlowKeyV4 one{random(), static_cast<std::uint32_t>(random()), kScope};
    const FlowKeyV4 other{one.addresses ^ difference, one.ports ^ undone, kScope};
    const auto seed = static_cast<std::uint32_t>(random());
    ASSERT_EQ(crc_of(seed, one), crc_of(seed, other));
    collisions += bucket_of(one.hash()) == bucket_of(other.hash()) ? 1 : 0;
  }
  EXPECT_LT(collisions, 20U) << "about one is chance";
}

// One difference for many tuples, as an attacker would look for by timing.
TEST(HashFlooding, NoDifferenceCollidesOften) {
  std::mt19937_64 random(6);
  std::size_t most = 0;
  for (int i = 0; i < 500; ++i) {
    // Of few bits: a port, an address, a bit of each.
    const std::uint64_t addresses = i % 3 == 0 ? 0 : std::uint64_t{1} << (random() % 64);
    const std::uint32_t ports = i % 3 == 1 ? 0 : 1U << (random() % 32);
    std::size_t collisions = 0;
    for (int k = 0; k < 2000; ++k) {
      const FlowKeyV4 one{random(), static_cast<std::uint32_t>(random()), kScope};
      const FlowKeyV4 other{one.addresses ^ addresses, one.ports ^ ports, kScope};
      collisions += bucket_of(one.hash()) == bucket_of(other.hash()) ? 1 : 0;
    }
    most = std::max(most, collisions);
  }
  EXPECT_LT(most, 12U) << "of 2,000, where 0.1 are chance";
}

// With the key known, every flow of the attacker goes into one bucket, or has even the same hash.
class KnownKey : public ::testing::TestWithParam<bool> {
 protected:
  static constexpr std::uint64_t kHash = 0x123456789abcdef0;
  static constexpr FlowReference kFirstOfAttacker = 1'000'000;

  // As many as there is room for.
  FlowReference attack() {
    FlowReference next = kFirstOfAttacker;
    while (next < kFirstOfAttacker + 10'000 && index_.insert(hash_of(next), next)) {
      ++next;
    }
    return next;
  }
  // Either the whole hash, or the same buckets with signatures of their own.
  [[nodiscard]] std::uint64_t hash_of(FlowReference reference) const {
    return GetParam()
               ? kHash
               : (kHash & ~(std::uint64_t{0xffff} << 48)) | std::uint64_t{reference & 0xffff} << 48;
  }

  FlowMemory memory_{FlowIndex::bytes(20'000)};
  FlowIndex index_{20'000, memory_};
};

INSTANTIATE_TEST_SUITE_P(Hashes, KnownKey, ::testing::Bool(), [](const auto& info) {
  return info.param ? "TheSame" : "TheSameBuckets";
});

TEST_P(KnownKey, EstablishedFlowsAreFoundInBoundedTime) {
  // Established before, in the buckets that are attacked.
  constexpr FlowReference kEstablished = 40;
  for (FlowReference reference = 1; reference <= kEstablished; ++reference) {
    ASSERT_TRUE(index_.insert(kHash + (std::uint64_t{reference} << 48), reference));
  }
  const FlowReference end = attack();
  EXPECT_EQ(end - kFirstOfAttacker, 80 - kEstablished) << "no more than eight buckets hold";
  for (FlowReference reference = 1; reference <= kEstablished; ++reference) {
    unsigned compared = 0;
    EXPECT_EQ(index_.find(kHash + (std::uint64_t{reference} << 48),
                          [&](FlowReference candidate) {
                            ++compared;
                            return candidate == reference;
                          }),
              reference);
    EXPECT_LE(compared, 3U) << "signatures keep the attacker's flows away";
  }
  // The attacker's own are what he pays for.
  unsigned compared = 0;
  EXPECT_EQ(index_.find(kHash,
                        [&](FlowReference) {
                          ++compared;
                          return false;
                        }),
            kNoFlow);
  EXPECT_LE(compared, 80U);
}

TEST_P(KnownKey, NewFlowsOfOthersFindRoom) {
  const FlowReference end = attack();
  std::mt19937_64 random(9);
  // At the same home: the low 32 bits. The rest of their sequence is their own.
  for (FlowReference reference = 1; reference <= 500; ++reference) {
    const std::uint64_t hash = (random() << 32) | (kHash & 0xffffffff);
    ASSERT_TRUE(index_.insert(hash, reference));
    EXPECT_EQ(index_.find(hash, [&](FlowReference r) { return r == reference; }), reference);
    index_.erase(hash, reference);
  }
  for (FlowReference reference = kFirstOfAttacker; reference < end; ++reference) {
    index_.erase(hash_of(reference), reference);
  }
  unsigned compared = 0;
  EXPECT_EQ(index_.find(kHash,
                        [&](FlowReference) {
                          ++compared;
                          return true;
                        }),
            kNoFlow);
  EXPECT_EQ(compared, 0U) << "nothing is left of the attack";
}

}  // namespace
}  // namespace alkaid
