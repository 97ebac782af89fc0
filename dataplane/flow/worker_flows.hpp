// What one worker does to one family's connections: takes free ones, makes room, and gives back
// what no other worker can be looking at any more.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/victim_queue.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {

// Written by the worker alone.
struct FlowCounters {
  Counter created;
  Counter ended;    // taken down by the worker, for whatever reason
  Counter evicted;  // of these, to make room
  Counter refused;  // there was no room, or the port's quota was used up
};

template <class Key>
class WorkerFlows {
 public:
  // worker: its index.
  WorkerFlows(FlowState& state, QuiescenceDomain& quiescence, unsigned worker);

  // ---- the worker's thread
  // A connection to fill in; none: the table is full.
  std::optional<ConnectionNumber> allocate();
  // The one that allocate() gives after `ahead` others will be wanted soon.
  void prefetch_free(std::size_t ahead) const;
  // One that was allocated and not published.
  void abandon(ConnectionNumber number) { cache_[cached_++] = number; }
  // It may be the one to make room: call when it is made, and when it begins to close.
  void offer_as_victim(ConnectionNumber number);
  // Ends its life; false if somebody else has, or if too much waits for a grace period.
  bool take_down(ConnectionNumber number);
  // A connection that was made counts against the port's quota.
  void charge(FlowPort port) { state_.port_connections.add(worker_, port); }
  // Once per walk of the graph: bounded work.
  void housekeep();

  [[nodiscard]] FlowCounters& counters() { return counters_; }
  // ---- any thread
  [[nodiscard]] const FlowCounters& counters() const { return counters_; }
  // All that it takes, the queue of victims apart, which is the table's.
  static constexpr std::size_t bytes() { return sizeof(WorkerFlows) + kBatches * sizeof(Batch); }

 private:
  static constexpr std::size_t kCacheSize = 512;
  static constexpr std::size_t kRefill = 256;
  static constexpr std::size_t kEvictAtOnce = 64;
  static constexpr std::size_t kBatchSize = 64;
  static constexpr std::size_t kBatches = 1024;

  using Victim = VictimQueue::Victim;
  // On their way out of the queue: what the next stage reads of them is being fetched.
  struct Victims {
    std::size_t count = 0;
    std::array<Victim, kEvictAtOnce> all;

    void add(const Victim& victim) { all[count++] = victim; }
  };

  // Waits for a grace period.
  struct Batch {
    std::uint64_t token = 0;
    std::uint32_t count = 0;
    std::array<ConnectionNumber, kBatchSize> numbers;
  };

  // Too much waits for a grace period already: another worker may be long in its burst.
  [[nodiscard]] bool is_waiting_list_full() const {
    return open_batch_ - first_batch_ + 1 == kBatches;
  }
  void retire(ConnectionNumber number);
  void close_batch();
  void reclaim();
  void evict();
  bool take_victims_further();
  void end_victims();
  void look_for_buckets();
  void look_for_keys();
  void choose_victims();
  [[nodiscard]] std::uint32_t life_of(ConnectionNumber number) const {
    return table_.record(number).life.load(std::memory_order_acquire);
  }
  // Whether it is still the one that was offered, and may go.
  [[nodiscard]] bool may_be_evicted(const Victim& victim, std::uint32_t life) const;
  [[nodiscard]] bool is_short_of_room() const {
    const std::uint64_t waiting = (open_batch_ - first_batch_) * kBatchSize;
    return table_.free_count() + waiting < table_.reserve() / 2;
  }

  FlowState& state_;
  ConnectionTable<Key>& table_;
  QuiescenceDomain& quiescence_;
  const unsigned worker_;
  std::array<ConnectionNumber, kCacheSize + 1> cache_;
  std::size_t cached_ = 0;
  VictimQueue victims_;
  // Their records are being fetched, their keys, their buckets.
  Victims chosen_;
  Victims read_;
  Victims found_;
  std::vector<Batch> batches_;
  std::uint64_t first_batch_ = 0;
  std::uint64_t open_batch_ = 0;
  FlowCounters counters_;
};

extern template class WorkerFlows<FlowKeyV4>;
extern template class WorkerFlows<FlowKeyV6>;

}  // namespace alkaid
