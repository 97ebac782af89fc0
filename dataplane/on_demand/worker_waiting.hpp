// What a worker has for packets that wait for neighbors: the store, and the rings that connect it
// to the control thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/on_demand/awaited.hpp"
#include "dataplane/on_demand/news_bell.hpp"
#include "dataplane/on_demand/waiting_store.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {

// What the control thread orders: packets go on.
struct ReleaseOrder {
  WaiterKey key;
  std::uint32_t is_port_gone = 0;  // else 1: all that waits for key.waiter goes, for good
};

// Written by the worker alone.
struct WaitingCounters {
  Counter waited;    // packets
  Counter released;  // of these, because their neighbor came or nobody has the address
  Counter expired;
  Counter purged;  // with their port
  Counter misses;  // destinations that were told to the control thread
};

class WorkerWaiting {
 public:
  // pool: of standard buffers. bell: rung for misses. Both outlive this. Throws std::runtime_error,
  // std::bad_alloc.
  WorkerWaiting(unsigned worker, const WaitingStore::Limits& limits, rte_mempool* pool,
                NewsBell& bell);
  // Frees what still waits.
  ~WorkerWaiting();
  WorkerWaiting(const WorkerWaiting&) = delete;
  WorkerWaiting& operator=(const WorkerWaiting&) = delete;

  // ---- any thread
  // Whether packets wait for unknown neighbors.
  [[nodiscard]] bool is_active() const { return active_.load(std::memory_order_relaxed); }
  [[nodiscard]] const WaitingCounters& counters() const { return counters_; }
  [[nodiscard]] std::uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool has_misses() const { return rte_ring_empty(misses_.get()) == 0; }

  // ---- control thread
  void set_active(bool active) { active_.store(active, std::memory_order_relaxed); }
  std::optional<RaisedMiss> take_miss();
  // False: no room, try later.
  bool order(const ReleaseOrder& order);

  // ---- the worker's thread
  [[nodiscard]] bool holds_any() const { return !store_.empty(); }
  [[nodiscard]] bool holds(const WaiterKey& key) const { return store_.holds(key); }
  // Keeps the packet, or says why not: then it stays the caller's.
  DropReason add(rte_mbuf* packet, const RaisedMiss& miss, WaitingStore::Time now);
  // After a walk of the graph, so that one system call at most is made for all of its misses.
  void announce() {
    if (has_raised_) {
      has_raised_ = false;
      bell_.ring();
    }
  }
  [[nodiscard]] bool has_work() const {
    return !store_.empty() || rte_ring_empty(orders_.get()) == 0;
  }
  // Packets that go on now, give(packet) for each; a bounded number.
  template <class Give>
  void release(WaitingStore::Time now, Give&& give) {
    const auto give_packet = [&](void* pointer) {
      auto* packet = static_cast<rte_mbuf*>(pointer);
      large_ -= large_buffers(packet);
      give(packet);
    };
    std::uint32_t taken = 0;
    while (taken < kMostReleased && (gone_port_ || next_order())) {
      if (gone_port_) {
        const std::uint32_t freed =
            store_.take_port(*gone_port_, kMostReleased - taken, give_packet);
        counters_.purged.add(freed);
        taken += freed;
        if (taken < kMostReleased) {
          gone_port_.reset();
          ++taken;  // orders for nobody take time too
        }
      } else {
        const std::uint32_t released = store_.take(next_.key, give_packet);
        counters_.released.add(released);
        taken += released + 1;
      }
    }
    if (taken < kMostReleased) {
      counters_.expired.add(
          store_.take_expired(now, !is_active(), kMostReleased - taken, give_packet));
    }
    publish_waiting();
  }
  // In one walk; what waits for one destination is not divided.
  static constexpr std::uint32_t kMostReleased = 256;
  static constexpr std::uint32_t kMostAtOnce = kMostReleased + 64;

 private:
  static constexpr std::uint32_t kMostLarge = 64;         // buffers
  static constexpr std::uint32_t kStandardBuffer = 2048;  // bytes of frame

  struct RingDeleter {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  using Ring = std::unique_ptr<rte_ring, RingDeleter>;

  // Buffers beside those that the limits of the store are about: of other pools, or chains.
  [[nodiscard]] std::uint32_t large_buffers(const rte_mbuf* packet) const {
    return packet->pool != pool_ || packet->nb_segs > 1 ? packet->nb_segs : 0;
  }
  // A packet in one standard buffer, if it can be: larger ones are few. nullptr: refused.
  rte_mbuf* settle(rte_mbuf* packet);
  bool next_order();
  void publish_waiting() { waiting_.store(store_.waiting(), std::memory_order_relaxed); }

  rte_mempool* const pool_;
  NewsBell& bell_;
  bool has_raised_ = false;  // since the last announce()
  WaitingStore store_;
  Ring misses_;
  Ring orders_;
  ReleaseOrder next_;
  std::optional<Waiter> gone_port_;
  std::uint32_t large_ = 0;
  WaitingCounters counters_;
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<bool> active_{false};
};

}  // namespace alkaid
