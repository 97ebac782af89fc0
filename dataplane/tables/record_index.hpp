// An index from hashes to record numbers: lock-free readers (workers), one writer (the control
// thread). It holds no keys: who searches compares with the record itself.
// Design and numbers: docs/design/neighbor-table.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

namespace alkaid {

// A bucket is one cache line of seven slots and a count of the keys that found it full and went on
// to the next one. Keys never move, so a reader never misses one that is there; a slot is one
// 64-bit word, so it changes at once.
class RecordIndex {
 public:
  // Records are numbered from 1; 0 means none.
  using Number = std::uint32_t;
  static constexpr Number kNone = 0;

  // capacity: entries that it must hold. Throws std::bad_alloc.
  explicit RecordIndex(std::uint64_t capacity);

  // Where a key's number stands: for as long as the key is there, whichever number that is. The
  // signature tells whether the place has become another key's since.
  struct Slot {
    std::uint32_t place = 0;
    std::uint32_t signature = 0;
  };
  struct Found {
    Number number = kNone;
    Slot slot;
  };

  // Any thread. The record with this hash for which matches(number) is true, or kNone. `matches`
  // may be asked about other records too, never about unpublished ones.
  template <class Matches>
  [[nodiscard]] Number find(std::uint64_t hash, Matches&& matches) const {
    return find_with_slot(hash, std::forward<Matches>(matches)).number;
  }
  template <class Matches>
  [[nodiscard]] Found find_with_slot(std::uint64_t hash, Matches&& matches) const {
    const std::uint32_t wanted = signature(hash);
    std::size_t bucket = home(hash);
    for (std::size_t passed = 0; passed < buckets_.size(); ++passed) {
      const Bucket& here = buckets_[bucket];
      for (std::size_t i = 0; i < kSlots; ++i) {
        const auto& slot = here.slots[i];
        if (signature_of(slot.load(std::memory_order_relaxed)) == wanted) {
          // Once more with the order that makes the record's content visible; the slot may have
          // changed in between.
          const std::uint64_t entry = slot.load(std::memory_order_acquire);
          if (signature_of(entry) == wanted && matches(number_of(entry))) [[likely]] {
            return {number_of(entry),
                    {static_cast<std::uint32_t>(bucket * kWordsPerBucket + i), wanted}};
          }
        }
      }
      if (here.overflow.load(std::memory_order_acquire) == 0) [[likely]] {
        return {};
      }
      bucket = next(bucket);
    }
    return {};
  }

  // Any thread. The number that stands there now; kNone if the key has gone.
  [[nodiscard]] Number at(const Slot& slot) const {
    const std::uint64_t entry = word(slot.place).load(std::memory_order_acquire);
    return signature_of(entry) == slot.signature ? number_of(entry) : kNone;
  }
  void prefetch(std::uint32_t place) const { __builtin_prefetch(&word(place)); }

  // ---- control thread
  // The caller keeps the number of entries within the capacity.
  void insert(std::uint64_t hash, Number number);
  // Puts `number` in the place of `old`, which has the same hash, in one store.
  void replace(std::uint64_t hash, Number old, Number number);
  // A slot may be used again at once: a reader compares with the record.
  void erase(std::uint64_t hash, Number number);

  [[nodiscard]] std::size_t bytes() const { return buckets_.size() * sizeof(Bucket); }

 private:
  static constexpr std::size_t kSlots = 7;
  static constexpr std::size_t kWordsPerBucket = 8;
  struct alignas(64) Bucket {
    std::array<std::atomic<std::uint64_t>, kSlots> slots;
    std::atomic<std::uint32_t> overflow;
  };
  static_assert(sizeof(Bucket) == 64);
  struct Free {
    void operator()(void* memory) const;
  };

  // Bucket and signature come from different halves of the hash. No signature is 0, which is that
  // of an empty slot.
  [[nodiscard]] std::size_t home(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash >> 32) * buckets_.size() >> 32);
  }
  static std::uint32_t signature(std::uint64_t hash) {
    const auto low = static_cast<std::uint32_t>(hash);
    return low != 0 ? low : 1;
  }
  static std::uint32_t signature_of(std::uint64_t entry) {
    return static_cast<std::uint32_t>(entry >> 32);
  }
  static Number number_of(std::uint64_t entry) { return static_cast<Number>(entry); }
  static std::uint64_t entry_of(std::uint64_t hash, Number number) {
    return std::uint64_t{signature(hash)} << 32 | number;
  }
  // place: of one of the slots.
  [[nodiscard]] const std::atomic<std::uint64_t>& word(std::uint32_t place) const {
    return buckets_[place / kWordsPerBucket].slots[place % kWordsPerBucket];
  }
  [[nodiscard]] std::size_t next(std::size_t bucket) const {
    return bucket + 1 < buckets_.size() ? bucket + 1 : 0;
  }
  // The slot that holds `entry`; before(bucket) is called for every bucket that was passed.
  template <class Passed>
  std::atomic<std::uint64_t>& slot_of(std::uint64_t hash, std::uint64_t entry, Passed&& passed);

  std::unique_ptr<void, Free> memory_;
  std::span<Bucket> buckets_;
};

}  // namespace alkaid
