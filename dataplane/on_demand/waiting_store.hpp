// Packets of one worker that wait for neighbors. Design: docs/design/on-demand.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/on_demand/awaited.hpp"

namespace alkaid {

// One thread's. All memory is taken by the constructor; everything is O(1) per packet. Time is in
// milliseconds, wrapping.
class WaitingStore {
 public:
  using Time = std::uint32_t;

  struct Limits {
    std::uint32_t packets = 0;           // in all
    std::uint32_t ports = 0;             // port indexes are below it
    std::uint32_t per_destination = 16;  // packets of one port to one destination
    std::uint32_t burst = 10240;         // new destinations of a port at once
    std::uint32_t per_second = 1000;     // and in the long run
    Time wait = 2000;
  };

  enum class Answer : std::uint8_t {
    kFirst,  // waits, and nobody of the port waited for this before
    kJoined,
    kTooMany,  // the packet stays the caller's, as below
    kRateLimited,
  };

  // Throws std::bad_alloc.
  explicit WaitingStore(const Limits& limits);

  // A port may have as many packets here as are still free, so others always find room.
  Answer add(const WaiterKey& key, void* packet, Time now);

  [[nodiscard]] bool holds(const WaiterKey& key) const { return find(key) != kNone; }
  [[nodiscard]] bool empty() const { return waiting_ == 0; }
  [[nodiscard]] std::uint32_t waiting() const { return waiting_; }
  [[nodiscard]] std::uint32_t waiting_of(std::uint32_t port) const { return ports_[port].waiting; }
  [[nodiscard]] std::uint32_t destinations() const { return destinations_; }

  // Takes out what waits for `key`, in the order in which it came; give(packet) for each.
  template <class Give>
  std::uint32_t take(const WaiterKey& key, Give&& give) {
    const Index entry = find(key);
    return entry == kNone ? 0 : take_entry(entry, give);
  }
  // What has waited for long enough, or everything; whole destinations until `most` are reached.
  template <class Give>
  std::uint32_t take_expired(Time now, bool all, std::uint32_t most, Give&& give) {
    std::uint32_t taken = 0;
    while (oldest_ != kNone && taken < most &&
           (all || static_cast<std::int32_t>(now - entries_[oldest_].deadline) >= 0)) {
      taken += take_entry(oldest_, give);
    }
    return taken;
  }
  // What a port's packets wait for, and those of ports that had its index before, likewise. Less
  // than `most`: nothing of it is left.
  template <class Give>
  std::uint32_t take_port(const Waiter& waiter, std::uint32_t most, Give&& give) {
    std::uint32_t taken = 0;
    // Those of the next port with this index are behind them.
    const PortShare& port = ports_[waiter.port];
    while (port.first != kNone && taken < most &&
           !is_newer(entries_[port.first].key.waiter.generation, waiter.generation)) {
      taken += take_entry(port.first, give);
    }
    return taken;
  }

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;

  struct Slot {
    void* packet = nullptr;
    Index next = kNone;
  };
  struct Entry {
    WaiterKey key;
    Index first = kNone;  // slots
    Index last = kNone;
    std::uint32_t count = 0;
    Time deadline = 0;
    Index next_in_bucket = kNone;
    Index older = kNone;
    Index newer = kNone;
    Index previous_of_port = kNone;
    Index next_of_port = kNone;
  };
  struct PortShare {
    Index first = kNone;  // entries, by age
    Index last = kNone;
    std::uint32_t waiting = 0;
    std::uint64_t tokens = 0;  // thousandths
    Time filled = 0;
  };

  // Of generations, which wrap.
  static bool is_newer(std::uint32_t generation, std::uint32_t than) {
    return static_cast<std::int32_t>(generation - than) > 0;
  }
  [[nodiscard]] Index& bucket(const WaiterKey& key);
  [[nodiscard]] Index find(const WaiterKey& key) const;
  bool take_token(PortShare& port, Time now);
  Index make_entry(const WaiterKey& key, Time now);
  void unlink(Index entry);

  template <class Give>
  std::uint32_t take_entry(Index index, Give&& give) {
    unlink(index);
    Entry& entry = entries_[index];
    const std::uint32_t count = entry.count;
    for (Index slot = entry.first; slot != kNone;) {
      give(slots_[slot].packet);
      const Index next = slots_[slot].next;
      slots_[slot].next = free_slot_;
      free_slot_ = slot;
      slot = next;
    }
    entry.next_in_bucket = free_entry_;
    free_entry_ = index;
    return count;
  }

  const Limits limits_;
  const std::uint64_t secret_;
  std::vector<Index> buckets_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;
  std::vector<PortShare> ports_;
  Index free_entry_ = kNone;
  Index free_slot_ = kNone;
  Index oldest_ = kNone;
  Index newest_ = kNone;
  std::uint32_t waiting_ = 0;
  std::uint32_t destinations_ = 0;
};

}  // namespace alkaid
