// What the TCP window check keeps of the connections of one address family: a table beside theirs,
// by their numbers, which there is only if the check is on. Both directions' workers write an
// entry, under its lock.
#pragma once

#include <cstdint>

#include <rte_spinlock.h>

#include "dataplane/conntrack/tcp_window.hpp"
#include "dataplane/flow/connection.hpp"
#include "dataplane/flow/flow_memory.hpp"

namespace alkaid {

class TcpWindows {
 public:
  // connections: numbers below it may be named. Throws std::bad_alloc.
  explicit TcpWindows(std::uint32_t connections)
      : memory_(std::size_t{connections} * sizeof(Entry)), entries_(memory_.as<Entry>()) {}

  // ---- any worker, of a connection that it may use
  // direction: the segment's.
  void open(ConnectionNumber number, const TcpSegmentNumbers& segment, Direction direction) {
    Entry& entry = entries_[number];
    rte_spinlock_lock(&entry.lock);
    entry.window.open(segment, direction);
    rte_spinlock_unlock(&entry.lock);
  }
  TcpWindowResult pass(ConnectionNumber number, Direction direction,
                       const TcpSegmentNumbers& segment) {
    Entry& entry = entries_[number];
    rte_spinlock_lock(&entry.lock);
    const TcpWindowResult result = entry.window.pass(direction, segment);
    rte_spinlock_unlock(&entry.lock);
    return result;
  }
  // To a number that nobody else knows yet.
  void copy(ConnectionNumber from, ConnectionNumber to) {
    rte_spinlock_lock(&entries_[from].lock);
    const TcpWindow window = entries_[from].window;
    rte_spinlock_unlock(&entries_[from].lock);
    rte_spinlock_lock(&entries_[to].lock);
    entries_[to].window = window;
    rte_spinlock_unlock(&entries_[to].lock);
  }

  [[nodiscard]] std::uint64_t bytes() const { return memory_.bytes(); }

 private:
  struct alignas(64) Entry {
    rte_spinlock_t lock;
    TcpWindow window;
  };
  static_assert(sizeof(Entry) == 64);

  FlowMemory memory_;
  Entry* const entries_;
};

}  // namespace alkaid
