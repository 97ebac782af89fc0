#include "dataplane/flow/flow_index.hpp"

#include <algorithm>

namespace alkaid {
namespace {

// Three quarters of the slots: about 3 % of the keys are not in their first bucket.
constexpr std::uint64_t bucket_count(std::uint64_t keys) {
  return std::max<std::uint64_t>(16,
                                 (keys * 4 + 3 * FlowIndex::kSlots - 1) / (3 * FlowIndex::kSlots));
}

// Bit i: slot i holds the reference. All at once, since a search that may end at any slot is a
// branch that is predicted wrongly.
unsigned slots_with(const std::array<std::atomic<FlowReference>, FlowIndex::kSlots>& references,
                    FlowReference reference) {
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
  const auto* words = reinterpret_cast<const std::uint32_t*>(references.data());
  const __m128i pattern = _mm_set1_epi32(static_cast<int>(reference));
  const auto equal = [&](std::size_t first) {
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + first));
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(four, pattern))));
  };
  return equal(0) | equal(4) << 4 | equal(6) << 6;
#else
  unsigned mask = 0;
  for (std::size_t i = 0; i < FlowIndex::kSlots; ++i) {
    mask |= unsigned{references[i].load(std::memory_order_relaxed) == reference} << i;
  }
  return mask;
#endif
}

}  // namespace

FlowIndex::FlowIndex(std::uint64_t keys)
    : count_(bucket_count(keys)),
      memory_(count_ * sizeof(Bucket)),
      buckets_(memory_.as<Bucket>()) {}

bool FlowIndex::insert_into(Bucket& bucket, std::uint16_t signature, FlowReference reference) {
  // Slots without a signature are empty, or being filled: then the claim fails.
  for (unsigned slots = matches(bucket, 0); slots != 0; slots &= slots - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(slots));
    FlowReference empty = kNoFlow;
    if (bucket.references[slot].load(std::memory_order_relaxed) == kNoFlow &&
        bucket.references[slot].compare_exchange_strong(empty, reference,
                                                        std::memory_order_acq_rel)) [[likely]] {
      bucket.signatures[slot].store(signature, std::memory_order_release);
      return true;
    }
  }
  return false;
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

bool FlowIndex::insert(std::uint64_t hash, FlowReference reference) {
  for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
    Bucket& bucket = buckets_[bucket_of(hash, probe)];
    if (insert_into(bucket, signature(hash), reference)) [[likely]] {
      return true;
    }
    // Counted before it can be found behind this one.
    bucket.overflow.fetch_add(1, std::memory_order_acq_rel);
  }
  for (std::size_t probe = 0; probe < kMostProbes; ++probe) {
    buckets_[bucket_of(hash, probe)].overflow.fetch_sub(1, std::memory_order_acq_rel);
  }
  return false;
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
