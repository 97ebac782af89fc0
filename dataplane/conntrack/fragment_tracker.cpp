#include "dataplane/conntrack/fragment_tracker.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <stdexcept>

namespace alkaid {
namespace {

__extension__ using Product = unsigned __int128;

// Not linear, unlike CRC32: who doesn't know the seed can't aim at a bucket.
std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

constexpr std::uint64_t kStir = 0x9e3779b97f4a7c15ULL;

// Counts up unless that would exceed the limit.
bool take_credit(std::atomic<std::uint32_t>& count, std::uint32_t limit) {
  if (count.fetch_add(1, std::memory_order_relaxed) < limit) {
    return true;
  }
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void give_back(std::atomic<std::uint32_t>& count, std::size_t credits = 1) {
  count.fetch_sub(static_cast<std::uint32_t>(credits), std::memory_order_relaxed);
}

enum class Phase : std::uint8_t { kFree, kCollecting, kKnown, kGivenUp };

struct Range {
  std::uint16_t begin = 0;
  std::uint16_t end = 0;
};

}  // namespace

struct FragmentTracker::Datagram {
  FragmentKey key;
  std::uint64_t deadline = 0;
  Party* party = nullptr;
  FragmentUpper upper;  // of kKnown
  Phase phase = Phase::kFree;
  DropReason reason = DropReason::kNone;  // of kGivenUp
  std::uint8_t piece_count = 0;
  std::uint8_t waiting_count = 0;
  std::uint16_t highest = 0;  // end of the pieces
  std::uint16_t total = 0;    // 0: the last piece has not come
  std::uint32_t bytes = 0;    // in all pieces
  std::array<Range, kMostPieces> pieces;
  std::array<void*, kMostWaiting> waiting;
};
static_assert(FragmentTracker::kMostPieces <= UINT8_MAX);
// A call releases the packets of the datagram that makes room, and those of its own.
static_assert(ReleasedFragments::kMost >= 2 * FragmentTracker::kMostWaiting);

struct alignas(64) FragmentTracker::Bucket {
  std::atomic_flag lock;
  std::array<Datagram, kWays> datagrams;
};

class FragmentTracker::Lock {
 public:
  explicit Lock(Bucket& bucket) : flag_(bucket.lock) {
    while (flag_.test_and_set(std::memory_order_acquire)) {
      while (flag_.test(std::memory_order_relaxed)) {
      }
    }
  }
  ~Lock() { flag_.clear(std::memory_order_release); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::atomic_flag& flag_;
};

FragmentTracker::FragmentTracker(const FragmentLimits& limits)
    : limits_(limits),
      bucket_count_(limits.datagrams / kWays),
      buckets_(std::make_unique<Bucket[]>(bucket_count_)),
      parties_(std::make_unique<Party[]>(kParties)) {
  if (!std::has_single_bit(bucket_count_)) {
    throw std::invalid_argument("fragmented datagrams at once: 8 times a power of two");
  }
}

FragmentTracker::~FragmentTracker() {
  assert(waiting() == 0);
}

std::uint64_t FragmentTracker::hash_of(const FragmentKey& key) const {
  std::array<std::uint64_t, sizeof(FragmentKey) / 8> words;
  std::memcpy(words.data(), &key, sizeof(key));
  std::uint64_t hash = limits_.seed;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    hash = fold(words[i] ^ hash, words[i + 1] ^ limits_.seed ^ kStir);
  }
  return fold(hash, kStir);
}

FragmentTracker::Party& FragmentTracker::party_of(const FragmentKey& key) const {
  const std::uint64_t number =
      key.origin == kFromWire ? std::uint64_t{key.zone} << 32U | kFromWire : key.origin;
  return parties_[fold(number ^ limits_.seed, kStir) % kParties];
}

FragmentTracker::Datagram* FragmentTracker::find(Bucket& bucket, const FragmentKey& key) const {
  for (Datagram& datagram : bucket.datagrams) {
    if (datagram.phase != Phase::kFree && datagram.key == key) {
      return &datagram;
    }
  }
  return nullptr;
}

void FragmentTracker::release(Datagram& datagram, DropReason reason, ReleasedFragments& released) {
  for (std::size_t i = 0; i < datagram.waiting_count; ++i) {
    released.items[released.count++] = {datagram.waiting[i], reason};
  }
  give_back(waiting_, datagram.waiting_count);
  give_back(datagram.party->waiting, datagram.waiting_count);
  datagram.waiting_count = 0;
}

void FragmentTracker::free(Datagram& datagram, DropReason reason, ReleasedFragments& released) {
  release(datagram, reason, released);
  give_back(datagram.party->datagrams);
  give_back(used_);
  datagram.phase = Phase::kFree;
}

// A free place, one whose time is over, or the oldest one of the party that has most in the table,
// unless the one that asks has more: who floods pays.
FragmentTracker::Datagram* FragmentTracker::make_room(Bucket& bucket, const Party& party,
                                                      std::uint64_t now,
                                                      ReleasedFragments& released) {
  Datagram* victim = nullptr;
  std::uint32_t most = 0;
  for (Datagram& datagram : bucket.datagrams) {
    if (datagram.phase == Phase::kFree) {
      return &datagram;
    }
    if (datagram.deadline <= now) {
      free(datagram, DropReason::fragment_orphan, released);
      return &datagram;
    }
    const std::uint32_t count = datagram.party->datagrams.load(std::memory_order_relaxed);
    if (victim == nullptr || count > most ||
        (count == most && datagram.deadline < victim->deadline)) {
      victim = &datagram;
      most = count;
    }
  }
  if (most < party.datagrams.load(std::memory_order_relaxed)) {
    return nullptr;
  }
  free(*victim, DropReason::fragment_table_full, released);
  return victim;
}

FragmentTracker::Datagram* FragmentTracker::insert(Bucket& bucket, const FragmentKey& key,
                                                   std::uint64_t now, ReleasedFragments& released) {
  Party& party = party_of(key);
  party.datagrams.fetch_add(1, std::memory_order_relaxed);
  Datagram* datagram = make_room(bucket, party, now, released);
  if (datagram == nullptr) {
    give_back(party.datagrams);
    return nullptr;
  }
  used_.fetch_add(1, std::memory_order_relaxed);
  datagram->key = key;
  datagram->deadline = now + limits_.lifetime;
  datagram->party = &party;
  datagram->phase = Phase::kCollecting;
  datagram->piece_count = 0;
  datagram->waiting_count = 0;
  datagram->highest = 0;
  datagram->total = 0;
  datagram->bytes = 0;
  return datagram;
}

FragmentTracker::Taken FragmentTracker::give_up(Datagram& datagram, DropReason reason,
                                                ReleasedFragments& released) {
  release(datagram, reason, released);
  datagram.phase = Phase::kGivenUp;
  datagram.reason = reason;
  return {.outcome = Outcome::kDrop, .reason = reason};
}

FragmentTracker::Taken FragmentTracker::wait(Datagram& datagram, void* packet) {
  const Taken full{.outcome = Outcome::kDrop, .reason = DropReason::fragment_table_full};
  if (datagram.waiting_count == kMostWaiting || !take_credit(waiting_, limits_.waiting)) {
    return full;
  }
  if (!take_credit(datagram.party->waiting, limits_.waiting_of_party)) {
    give_back(waiting_);
    return full;
  }
  datagram.waiting[datagram.waiting_count++] = packet;
  return {.outcome = Outcome::kWait};
}

FragmentTracker::Taken FragmentTracker::advance(Datagram& datagram, const Fragment& fragment,
                                                void* packet, ReleasedFragments& released) {
  const FragmentPiece& piece = fragment.piece;
  const std::uint32_t end = std::uint32_t{piece.offset} + piece.length;
  const bool is_odd =
      piece.length == 0 || end > UINT16_MAX || (piece.more && piece.length % 8 != 0);
  const bool is_beyond =
      piece.more ? datagram.total != 0 && end >= datagram.total
                 : datagram.highest > end || (datagram.total != 0 && datagram.total != end);
  if (is_odd || is_beyond) {
    return give_up(datagram, DropReason::fragment_overlap, released);
  }
  if (piece.offset < datagram.highest) {
    for (std::size_t i = 0; i < datagram.piece_count; ++i) {
      const Range& range = datagram.pieces[i];
      if (range.begin == piece.offset && range.end == end) {
        // Doubled on the way, which RFC 8200, 4.5, lets be. The copy doesn't pass either: it may
        // differ.
        return {.outcome = Outcome::kDrop, .reason = DropReason::fragment_overlap};
      }
      if (range.begin < end && piece.offset < range.end) {
        return give_up(datagram, DropReason::fragment_overlap, released);
      }
    }
  }
  if (datagram.piece_count == kMostPieces) {
    return give_up(datagram, DropReason::fragment_table_full, released);
  }
  if (!piece.is_first() && datagram.phase == Phase::kCollecting) {
    const Taken taken = wait(datagram, packet);
    if (taken.outcome != Outcome::kWait) {
      return taken;
    }
  }
  datagram.pieces[datagram.piece_count++] = {piece.offset, static_cast<std::uint16_t>(end)};
  datagram.bytes += piece.length;
  datagram.highest = std::max(datagram.highest, static_cast<std::uint16_t>(end));
  if (!piece.more) {
    datagram.total = static_cast<std::uint16_t>(end);
  }
  if (piece.is_first()) {
    datagram.phase = Phase::kKnown;
    datagram.upper = fragment.upper;
    released.upper = fragment.upper;
    release(datagram, DropReason::kNone, released);
  }
  if (datagram.phase == Phase::kCollecting) {
    return {.outcome = Outcome::kWait};
  }
  const Taken taken{.outcome = Outcome::kPass, .upper = datagram.upper};
  if (datagram.bytes == datagram.total) {
    free(datagram, DropReason::kNone, released);  // complete, and the number may come again
  }
  return taken;
}

FragmentTracker::Taken FragmentTracker::take(const Fragment& fragment, void* packet,
                                             std::uint64_t now, ReleasedFragments& released) {
  released.count = 0;
  Bucket& bucket = buckets_[hash_of(fragment.key) & (bucket_count_ - 1)];
  const Lock lock{bucket};
  Datagram* datagram = find(bucket, fragment.key);
  if (datagram != nullptr && datagram->deadline <= now) {
    free(*datagram, DropReason::fragment_orphan, released);
    datagram = nullptr;
  }
  if (datagram == nullptr) {
    datagram = insert(bucket, fragment.key, now, released);
  }
  if (datagram == nullptr) {
    return {.outcome = Outcome::kDrop, .reason = DropReason::fragment_table_full};
  }
  if (datagram->phase == Phase::kGivenUp) {
    return {.outcome = Outcome::kDrop, .reason = datagram->reason};
  }
  return advance(*datagram, fragment, packet, released);
}

void FragmentTracker::expire(std::uint64_t now, std::size_t buckets, ReleasedFragments& released) {
  released.count = 0;
  for (std::size_t i = 0; i < buckets && !is_empty(); ++i) {
    const std::size_t number = next_bucket_.load(std::memory_order_relaxed);
    Bucket& bucket = buckets_[number & (bucket_count_ - 1)];
    {
      const Lock lock{bucket};
      for (Datagram& datagram : bucket.datagrams) {
        if (datagram.phase == Phase::kFree || datagram.deadline > now) {
          continue;
        }
        if (released.count + datagram.waiting_count > ReleasedFragments::kMost) {
          return;  // the next call goes on here
        }
        free(datagram, DropReason::fragment_orphan, released);
      }
    }
    next_bucket_.store(number + 1, std::memory_order_relaxed);
  }
}

}  // namespace alkaid
