#include "dataplane/tables/record_index.hpp"

#include <algorithm>
#include <new>

#include <rte_malloc.h>

namespace alkaid {
namespace {

// Three quarters of the slots: then 6 % of the keys are not in their first bucket.
constexpr std::uint64_t kEntriesPerFourBuckets = 21;
constexpr std::uint64_t kFewestBuckets = 4;

}  // namespace

void RecordIndex::Free::operator()(void* memory) const {
  rte_free(memory);
}

RecordIndex::RecordIndex(std::uint64_t capacity) {
  const std::size_t count = std::max(
      kFewestBuckets, (capacity * 4 + kEntriesPerFourBuckets - 1) / kEntriesPerFourBuckets);
  memory_.reset(rte_zmalloc("record-index", count * sizeof(Bucket), alignof(Bucket)));
  if (!memory_) {
    throw std::bad_alloc();
  }
  // Zeroed words are empty slots.
  buckets_ = {static_cast<Bucket*>(memory_.get()), count};
}

template <class Passed>
std::atomic<std::uint64_t>& RecordIndex::slot_of(std::uint64_t hash, std::uint64_t entry,
                                                 Passed&& passed) {
  for (std::size_t bucket = home(hash);; bucket = next(bucket)) {
    for (auto& slot : buckets_[bucket].slots) {
      if (slot.load(std::memory_order_relaxed) == entry) {
        return slot;
      }
    }
    passed(buckets_[bucket]);
  }
}

void RecordIndex::insert(std::uint64_t hash, Number number) {
  // The counts of the buckets that are passed go up before the entry can be found behind them.
  auto& slot = slot_of(hash, 0, [](Bucket& bucket) {
    bucket.overflow.store(bucket.overflow.load(std::memory_order_relaxed) + 1,
                          std::memory_order_relaxed);
  });
  slot.store(entry_of(hash, number), std::memory_order_release);
}

void RecordIndex::replace(std::uint64_t hash, Number old, Number number) {
  slot_of(hash, entry_of(hash, old), [](Bucket&) {
  }).store(entry_of(hash, number), std::memory_order_release);
}

void RecordIndex::erase(std::uint64_t hash, Number number) {
  auto& slot = slot_of(hash, entry_of(hash, number), [](Bucket& bucket) {
    bucket.overflow.store(bucket.overflow.load(std::memory_order_relaxed) - 1,
                          std::memory_order_relaxed);
  });
  slot.store(0, std::memory_order_release);
}

}  // namespace alkaid
