// The index of flows: from a key's hash to the half of a connection that has the key. Workers read
// it without locks and change it concurrently. Design and numbers: docs/design/flow-table.md.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/flow/flow_memory.hpp"
#include "dataplane/flow/slot_search.hpp"

namespace alkaid {

// A reference to half `direction` of connection `number`; 0 is none.
using FlowReference = std::uint32_t;
inline constexpr FlowReference kNoFlow = 0;

// Buckets of one cache line: ten signatures of 16 bits, ten references, and how many keys found the
// bucket full and went on to the next one of their sequence: home, another one, and the buckets
// behind that. A key never moves, so a reader can't miss one that is
// there; a signature and its reference are separate words, so what is found is only a candidate,
// which the caller compares with the half itself.
class FlowIndex {
 public:
  static constexpr std::size_t kSlots = kBucketSlots;

  // keys: that it must hold. memory: bytes(keys) of it are not taken yet.
  FlowIndex(std::uint64_t keys, FlowMemory& memory);
  static std::size_t bytes(std::uint64_t keys);

  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home(hash)]); }

  // The first candidate in the key's home bucket, for prefetching: mostly the right one, kNoFlow if
  // find() must look.
  [[nodiscard]] FlowReference candidate(std::uint64_t hash) const {
    return candidate_in(buckets_[home(hash)], signature(hash));
  }

  // Whether a key without a candidate can be in another bucket, the first of them, and the
  // candidate there: likewise for prefetching.
  [[nodiscard]] bool may_be_elsewhere(std::uint64_t hash) const {
    return buckets_[home(hash)].overflow.load(std::memory_order_acquire) != 0;
  }
  void prefetch_elsewhere(std::uint64_t hash) const {
    __builtin_prefetch(&buckets_[bucket_of(hash, 1)]);
  }
  [[nodiscard]] FlowReference candidate_elsewhere(std::uint64_t hash) const {
    return candidate_in(buckets_[bucket_of(hash, 1)], signature(hash));
  }

  // The reference for which is_wanted(reference) is true, or kNoFlow.
  template <class IsWanted>
  [[nodiscard]] FlowReference find(std::uint64_t hash, IsWanted&& is_wanted) const {
    for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
      const Bucket& bucket = buckets_[bucket_of(hash, probe)];
      const FlowReference found = find_in(bucket, signature(hash), is_wanted);
      if (found != kNoFlow || bucket.overflow.load(std::memory_order_acquire) == 0) [[likely]] {
        return found;
      }
    }
    return kNoFlow;
  }

  // The caller sees to it that no two threads insert one key at once. False: all buckets of the
  // key's sequence are full.
  bool insert(std::uint64_t hash, FlowReference reference);
  // The same by the only thread that ever inserts: it needs no locked instruction.
  bool insert_alone(std::uint64_t hash, FlowReference reference);
  // By the one thread that took the connection down.
  void erase(std::uint64_t hash, FlowReference reference);

 private:
  struct alignas(64) Bucket {
    BucketSlots<std::uint16_t> signatures;
    std::atomic<std::uint16_t> overflow;
    std::uint16_t reserved;
    BucketSlots<FlowReference> references;
  };
  static_assert(sizeof(Bucket) == 64);

  // Home, other bucket and signature come from different parts of the hash.
  [[nodiscard]] std::size_t home(std::uint64_t hash) const {
    return (hash & 0xffffffff) * count_ >> 32;
  }
  // Where a key may be, in this order. At three quarters every seventh bucket is full.
  static constexpr std::size_t kMostProbes = 8;
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash, std::size_t probe) const {
    if (probe == 0) {
      return home(hash);
    }
    const std::size_t bucket = ((hash >> 16 & 0xffffffff) * count_ >> 32) + probe;
    return bucket < count_ ? bucket : bucket - count_;
  }
  static std::uint16_t signature(std::uint64_t hash) {
    const auto high = static_cast<std::uint16_t>(hash >> 48);
    return high != 0 ? high : 1;  // 0 is that of an empty slot
  }
  // Slots that have the signature: one that changes meanwhile makes a candidate that is none, or
  // hides one that the slow path will find.
  static unsigned matches(const Bucket& bucket, std::uint16_t wanted) {
    return slots_with(bucket.signatures, wanted);
  }
  static FlowReference candidate_in(const Bucket& bucket, std::uint16_t wanted) {
    const unsigned mask = matches(bucket, wanted);
    return mask == 0 ? kNoFlow
                     : bucket.references[static_cast<std::size_t>(std::countr_zero(mask))].load(
                           std::memory_order_acquire);
  }
  template <class IsWanted>
  static FlowReference find_in(const Bucket& bucket, std::uint16_t wanted, IsWanted&& is_wanted) {
    for (unsigned mask = matches(bucket, wanted); mask != 0; mask &= mask - 1) {
      const FlowReference reference =
          bucket.references[static_cast<std::size_t>(std::countr_zero(mask))].load(
              std::memory_order_acquire);
      if (reference != kNoFlow && is_wanted(reference)) [[likely]] {
        return reference;
      }
    }
    return kNoFlow;
  }
  // Slots that are empty. What is claimed meanwhile is found out by the claim.
  static unsigned empty_slots(const Bucket& bucket) { return matches(bucket, 0); }
  static bool claim(std::atomic<FlowReference>& slot, FlowReference reference);
  static bool claim_alone(std::atomic<FlowReference>& slot, FlowReference reference);
  template <class Claim>
  bool insert_with(std::uint64_t hash, FlowReference reference, Claim&& claim);
  static bool erase_from(Bucket& bucket, FlowReference reference);

  const std::uint64_t count_;
  Bucket* const buckets_;
};

}  // namespace alkaid
