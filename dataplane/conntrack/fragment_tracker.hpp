// Datagrams that are being fragmented: the first fragment teaches what upper layer it belongs to,
// the others are told, in either order. One bounded table for all workers, since fragments of one
// datagram may meet different ones. Nothing is put together: fragments pass one by one.
// Design: docs/design/conntrack.md.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/conntrack/fragment.hpp"
#include "dataplane/packet/drop_reason.hpp"

namespace alkaid {

struct FragmentLimits {
  std::uint32_t datagrams = 2048;  // at once; 8 times a power of two
  // Packets that wait for their first fragment: in all, and those of one party, which is a guest
  // port or what comes from the wire into one subnet. In a full table the party that has most
  // datagrams there makes room.
  std::uint32_t waiting = 1024;
  std::uint32_t waiting_of_party = 128;
  std::uint64_t lifetime = 0;  // of a datagram since its first packet came, in clock ticks
  std::uint64_t seed = 0;      // of the hash; random, not told
};

// Packets that are no longer kept, and what becomes of them: they pass with `upper`, or are dropped
// for a reason.
struct ReleasedFragments {
  static constexpr std::size_t kMost = 128;
  struct Item {
    void* packet;
    DropReason reason;  // kNone: it passes
  };

  std::array<Item, kMost> items;
  std::size_t count = 0;
  FragmentUpper upper;
};

// Any thread may call everything but the constructor and destructor; each call takes one bucket's
// spinlock at a time for a short, bounded time. `now` is of one clock for all, such as the TSC.
class FragmentTracker {
 public:
  static constexpr std::size_t kMostPieces = 128;  // of a datagram: 64 KB at an MTU of 576
  static constexpr std::size_t kMostWaiting = 64;  // of a datagram

  explicit FragmentTracker(const FragmentLimits& limits);
  // All packets must have been taken back (release_all).
  ~FragmentTracker();
  FragmentTracker(const FragmentTracker&) = delete;
  FragmentTracker& operator=(const FragmentTracker&) = delete;

  enum class Outcome : std::uint8_t {
    kPass,  // `upper` says what it belongs to
    kWait,  // kept until the first fragment comes; the packet is no longer the caller's
    kDrop,  // for `reason`: fragment_overlap or fragment_table_full
  };
  struct Taken {
    Outcome outcome = Outcome::kPass;
    DropReason reason = DropReason::kNone;
    FragmentUpper upper;
  };
  // Takes a fragment. `released` is overwritten with packets that waited until now: those of the
  // same datagram, to be sent behind a fragment that passes, and those that had to make room.
  Taken take(const Fragment& fragment, void* packet, std::uint64_t now,
             ReleasedFragments& released);

  // Forgets datagrams whose time is over in at most `buckets` buckets, going on where the last call
  // ended, and overwrites `released` with what waited in vain.
  void expire(std::uint64_t now, std::size_t buckets, ReleasedFragments& released);

  // Overwrites `released` with packets that wait, whatever the time; call it until there are none.
  void release_all(ReleasedFragments& released) { expire(UINT64_MAX, bucket_count_, released); }

  [[nodiscard]] bool is_empty() const { return used() == 0; }
  [[nodiscard]] std::uint32_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t bucket_count() const { return bucket_count_; }

 private:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kParties = 4096;  // more share their limits

  struct Party {
    std::atomic<std::uint32_t> datagrams{0};
    std::atomic<std::uint32_t> waiting{0};
  };
  struct Datagram;
  struct Bucket;
  class Lock;

  [[nodiscard]] std::uint64_t hash_of(const FragmentKey& key) const;
  [[nodiscard]] Party& party_of(const FragmentKey& key) const;
  Datagram* find(Bucket& bucket, const FragmentKey& key) const;
  Datagram* make_room(Bucket& bucket, const Party& party, std::uint64_t now,
                      ReleasedFragments& released);
  Datagram* insert(Bucket& bucket, const FragmentKey& key, std::uint64_t now,
                   ReleasedFragments& released);
  Taken advance(Datagram& datagram, const Fragment& fragment, void* packet,
                ReleasedFragments& released);
  Taken wait(Datagram& datagram, void* packet);
  Taken give_up(Datagram& datagram, DropReason reason, ReleasedFragments& released);
  void release(Datagram& datagram, DropReason reason, ReleasedFragments& released);
  void free(Datagram& datagram, DropReason reason, ReleasedFragments& released);

  const FragmentLimits limits_;
  const std::size_t bucket_count_;
  const std::unique_ptr<Bucket[]> buckets_;
  const std::unique_ptr<Party[]> parties_;
  std::atomic<std::uint32_t> used_{0};
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::size_t> next_bucket_{0};
};

}  // namespace alkaid
