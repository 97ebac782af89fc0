// Connections of one address family: preallocated, found by either direction's key, made and taken
// down by workers, aged by the control thread. Design: docs/design/flow-table.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include <rte_spinlock.h>

#include "dataplane/flow/connection.hpp"
#include "dataplane/flow/flow_index.hpp"
#include "dataplane/flow/flow_memory.hpp"
#include "dataplane/flow/victim_queue.hpp"

namespace alkaid {

// Of a connection's two keys.
struct ConnectionHashes {
  std::uint64_t original = 0;
  std::uint64_t reply = 0;
};

template <class Key>
class ConnectionTable {
 public:
  using Half = FlowHalf<Key>;

  // capacity: connections that may live at once. creators: threads that may call insert(). Throws
  // std::bad_alloc.
  ConnectionTable(std::uint32_t capacity, std::size_t creators);

  // ---- any worker
  void prefetch_bucket(std::uint64_t hash) const { index_.prefetch(hash); }
  void prefetch_buckets(const ConnectionHashes& hashes) const {
    index_.prefetch(hashes.original);
    index_.prefetch(hashes.reply);
  }
  // When the key's first bucket has come: what find() reads next.
  void prefetch_found(std::uint64_t hash) const {
    const FlowReference reference = candidate(hash);
    if (reference != kNoFlow) {
      __builtin_prefetch(&half(reference), 1);
    } else if (may_be_elsewhere(hash)) {
      prefetch_elsewhere(hash);
    }
  }
  [[nodiscard]] FlowReference candidate(std::uint64_t hash) const { return index_.candidate(hash); }
  [[nodiscard]] bool may_be_elsewhere(std::uint64_t hash) const {
    return index_.may_be_elsewhere(hash);
  }
  void prefetch_elsewhere(std::uint64_t hash) const { index_.prefetch_elsewhere(hash); }
  [[nodiscard]] FlowReference candidate_elsewhere(std::uint64_t hash) const {
    return index_.candidate_elsewhere(hash);
  }
  [[nodiscard]] Half& half(FlowReference reference) const {
    if constexpr (sizeof(Connection<Key>) == 2 * sizeof(Half)) {
      return reinterpret_cast<Half*>(connections_)[reference - 1];  // all halves are one array
    } else {
      return connections_[number_of(reference)].half(direction_of(reference));
    }
  }
  [[nodiscard]] Half& half(ConnectionNumber number, Direction direction) const {
    return connections_[number].half(direction);
  }
  [[nodiscard]] ConnectionRecord& record(ConnectionNumber number) const { return records_[number]; }
  // May be used until the worker's next quiescent state.
  [[nodiscard]] FlowReference find(const Key& key, std::uint64_t hash) const {
    return index_.find(hash, [&](FlowReference reference) { return half(reference).key == key; });
  }

  // Publishes a connection whose halves and record are filled in. The half that has one of its keys
  // already, if there is one; kNoFlow: done. full: there was no room in the index.
  struct InsertResult {
    FlowReference existing = kNoFlow;
    bool full = false;
  };
  InsertResult insert(ConnectionNumber number, const ConnectionHashes& hashes);

  // True for the one caller that ends the life that was seen; it must then unlink() it.
  bool end_life(ConnectionNumber number, std::uint32_t life);
  // Takes a connection out of the index. Its memory may be given back after a grace period.
  void unlink(ConnectionNumber number);

  // Up to numbers.size() free connections; returns how many.
  std::size_t take_free(std::span<ConnectionNumber> numbers);
  void give_back(std::span<const ConnectionNumber> numbers);
  // A queue for each creator.
  [[nodiscard]] VictimPool& victims() { return victims_; }
  // About.
  [[nodiscard]] std::uint32_t free_count() const {
    return free_count_.load(std::memory_order_relaxed) + capacity_with_reserve() -
           fresh_.load(std::memory_order_relaxed);
  }

  // ---- any thread
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint32_t reserve() const { return reserve_; }
  // Numbers below it have been in use.
  [[nodiscard]] std::uint32_t high_water() const { return fresh_.load(std::memory_order_relaxed); }
  // All that it takes.
  [[nodiscard]] std::uint64_t bytes() const { return sizeof(*this) + memory_.bytes(); }

 private:
  static constexpr std::size_t kStripes = 1024;

  [[nodiscard]] FlowReference find_either(ConnectionNumber number,
                                          const ConnectionHashes& hashes) const;
  template <class Insert>
  InsertResult insert_with(ConnectionNumber number, const ConnectionHashes& hashes,
                           Insert&& insert_reference);
  [[nodiscard]] std::uint32_t capacity_with_reserve() const { return capacity_ + reserve_; }
  [[nodiscard]] std::size_t bytes_of_all(std::size_t creators) const;

  const std::uint32_t capacity_;
  const bool has_one_creator_;
  // For those that wait for their grace period.
  const std::uint32_t reserve_;
  // All of the following in this order: what is taken from the system at start comes first.
  FlowMemory memory_;
  FlowIndex index_;
  ConnectionNumber* const free_;
  VictimPool victims_;
  ConnectionRecord* const records_;
  Connection<Key>* const connections_;
  // Two creators of one connection, of the same or of opposite directions, take the same one.
  std::array<rte_spinlock_t, kStripes> stripes_;
  rte_spinlock_t free_lock_;
  std::atomic<std::uint32_t> free_count_{0};
  std::atomic<std::uint32_t> fresh_{0};
};

extern template class ConnectionTable<FlowKeyV4>;
extern template class ConnectionTable<FlowKeyV6>;

}  // namespace alkaid
