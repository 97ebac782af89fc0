#include "dataplane/flow/flow_index.hpp"

#include <algorithm>

#include "dataplane/flow/populate.hpp"

namespace alkaid {
namespace {

// Three quarters of the slots: about 3 % of the keys are not in their first bucket.
constexpr std::uint64_t bucket_count(std::uint64_t keys) {
  return std::max<std::uint64_t>(16,
                                 (keys * 4 + 3 * FlowIndex::kSlots - 1) / (3 * FlowIndex::kSlots));
}

}  // namespace

FlowIndex::FlowIndex(std::uint64_t keys, FlowMemory& memory)
    : count_(bucket_count(keys)), buckets_(memory.take<Bucket>(count_)) {
  populate(buckets_, count_ * sizeof(Bucket));  // any flow may be in any bucket
}

std::size_t FlowIndex::bytes(std::uint64_t keys) {
  return FlowMemory::bytes_of<Bucket>(bucket_count(keys));
}

bool FlowIndex::claim(std::atomic<FlowReference>& slot, FlowReference reference) {
  FlowReference empty = kNoFlow;
  return slot.load(std::memory_order_relaxed) == kNoFlow &&
         slot.compare_exchange_strong(empty, reference, std::memory_order_acq_rel);
}

// Others may empty slots meanwhile, and nobody fills any.
bool FlowIndex::claim_alone(std::atomic<FlowReference>& slot, FlowReference reference) {
  if (slot.load(std::memory_order_acquire) != kNoFlow) {
    return false;
  }
  slot.store(reference, std::memory_order_release);
  return true;
}

template <class Claim>
bool FlowIndex::insert_with(std::uint64_t hash, FlowReference reference, Claim&& claim) {
  for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
    Bucket& bucket = buckets_[bucket_of(hash, probe)];
    for (unsigned slots = empty_slots(bucket); slots != 0; slots &= slots - 1) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
      if (claim(bucket.references[slot], reference)) [[likely]] {
        bucket.signatures[slot].store(signature(hash), std::memory_order_release);
        return true;
      }
    }
    // Counted before it can be found behind this one.
    bucket.overflow.fetch_add(1, std::memory_order_acq_rel);
  }
  for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
    buckets_[bucket_of(hash, probe)].overflow.fetch_sub(1, std::memory_order_acq_rel);
  }
  return false;
}

bool FlowIndex::insert(std::uint64_t hash, FlowReference reference) {
  return insert_with(hash, reference, claim);
}

bool FlowIndex::insert_alone(std::uint64_t hash, FlowReference reference) {
  return insert_with(hash, reference, claim_alone);
}

bool FlowIndex::erase_from(Bucket& bucket, FlowReference reference) {
  const unsigned slots = slots_with(bucket.references, reference);
  if (slots == 0) [[unlikely]] {
    return false;
  }
  const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
  bucket.signatures[slot].store(0, std::memory_order_relaxed);
  bucket.references[slot].store(kNoFlow, std::memory_order_release);
  return true;
}

void FlowIndex::erase(std::uint64_t hash, FlowReference reference) {
  std::size_t probe = 0;
  while (!erase_from(buckets_[bucket_of(hash, probe)], reference)) {
    if (++probe == kMostProbes) {
      return;
    }
  }
  while (probe > 0) {
    buckets_[bucket_of(hash, --probe)].overflow.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace alkaid
