// The control thread's part in connection tracking: forgets idle connections and those whose ports
// are gone, lists and flushes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/offload_watch.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/rcu/quiescence.hpp"

namespace alkaid {

class ConnectionKeeper {
 public:
  ConnectionKeeper(FlowState& state, const PortTable& ports, QuiescenceDomain& quiescence);

  // Who is shown every connection; outlives the keeper.
  void show_to(OffloadWatch& watch) { watch_ = &watch; }

  // Looks at as many connections as are due: all of them about once a second.
  void tick();

  // Replaces the idle times; they hold for all connections from the next round on.
  void set_timeouts(const ConnectionTimeouts& timeouts);
  [[nodiscard]] const ConnectionTimeouts& timeouts() const {
    return *state_.timeouts.load(std::memory_order_relaxed);
  }

  // Visits (table, number) of every live connection of a family; their contents change meanwhile.
  template <class Key, class Visit>
  void for_each(Visit&& visit) {
    ConnectionTable<Key>& table = state_.table<Key>();
    for (ConnectionNumber number = 0; number < table.high_water(); ++number) {
      if (table.record(number).is_live()) {
        visit(table, number);
      }
    }
  }
  // Forgets a connection; false if it has gone already. life: that it was seen with
  // (ConnectionRecord::life), since the number may be another's by now.
  template <class Key>
  bool take_down(ConnectionNumber number, std::uint32_t life);

  // When a connection is forgotten if nothing comes, in milliseconds from now; 0: it is due.
  template <class Key>
  [[nodiscard]] Milliseconds time_left(ConnectionNumber number) const;
  [[nodiscard]] Milliseconds now() const { return state_.clock.now(); }

  struct Counts {
    std::uint64_t ended = 0;    // by the keeper
    std::uint64_t expired = 0;  // of these, for being idle
  };
  [[nodiscard]] const Counts& counts(bool ipv6) const { return counts_[ipv6 ? 1 : 0]; }

 private:
  struct Round {
    ConnectionNumber next = 0;
    bool looks_at_all = false;  // also at those that can't be due yet
    bool wants_all = false;     // the next round is to
  };

  template <class Key>
  void look_at_some(Round& round, Milliseconds elapsed);
  template <class Key>
  void look_at(ConnectionNumber number, bool looks_at_all, Milliseconds now);
  [[nodiscard]] bool is_lost(FlowPort index, std::uint16_t generation) const;
  [[nodiscard]] bool has_lost_port(const ConnectionRecord& record, Milliseconds now) const;
  template <class Key>
  void forget_old_stamps(ConnectionNumber number);
  [[nodiscard]] bool is_old_stamp(const std::atomic<std::uint32_t>& stamp, FlowPort port) const;
  void hand_back();
  void keep_ages_apart();

  FlowState& state_;
  const PortTable& ports_;
  QuiescenceDomain& quiescence_;
  OffloadWatch* watch_ = nullptr;  // nullptr: nobody
  bool is_watched_ = false;        // in this tick
  Milliseconds last_tick_;
  Round rounds_[2];
  Counts counts_[2];
  std::size_t next_port_ = 0;
  std::vector<ConnectionNumber> ended_[2];  // of this tick
};

}  // namespace alkaid
