#include "dataplane/flow/flow_index.hpp"

#include <algorithm>

namespace alkaid {
namespace {

// Three quarters of the slots: about 3 % of the keys are not in their first bucket.
constexpr std::uint64_t bucket_count(std::uint64_t keys) {
  return std::max<std::uint64_t>(16,
                                 (keys * 4 + 3 * FlowIndex::kSlots - 1) / (3 * FlowIndex::kSlots));
}

}  // namespace

FlowIndex::FlowIndex(std::uint64_t keys)
    : count_(bucket_count(keys)),
      memory_(count_ * sizeof(Bucket)),
      buckets_(memory_.as<Bucket>()) {}

bool FlowIndex::insert_into(Bucket& bucket, std::uint16_t signature, FlowReference reference) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    FlowReference empty = kNoFlow;
    if (bucket.references[i].load(std::memory_order_relaxed) == kNoFlow &&
        bucket.references[i].compare_exchange_strong(empty, reference, std::memory_order_acq_rel)) {
      bucket.signatures[i].store(signature, std::memory_order_release);
      return true;
    }
  }
  return false;
}

bool FlowIndex::erase_from(Bucket& bucket, FlowReference reference) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (bucket.references[i].load(std::memory_order_relaxed) == reference) {
      bucket.signatures[i].store(0, std::memory_order_relaxed);
      bucket.references[i].store(kNoFlow, std::memory_order_release);
      return true;
    }
  }
  return false;
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
