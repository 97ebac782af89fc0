// Which neighbors are there because they were asked for, and not because somebody pushed them of
// their own accord: the former may be forgotten. See docs/design/on-demand.md. For one thread.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "control/agent/desired/journal.hpp"
#include "control/agent/flat_tables.hpp"

namespace alkaid::agent {

struct LearntNeighbor {
  NeighborKey key;
  std::set<std::string> ports;  // that asked
};

class Learnt {
 public:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::set<std::string> ports;
    Clock::time_point since;  // it has been learnt by this process
  };
  using Entries = FlatMap<NeighborKey, Entry>;

  // A manager that was asked more than once answers more than once.
  static constexpr std::chrono::seconds kAnswersEnd{6};  // a call's deadline and a second

  void set_journal(Journal& journal) { journal_ = &journal; }
  void describe(Journal& journal) const;
  // What was told.
  void restore(LearntNeighbor neighbor) {
    entries_[neighbor.key] = {std::move(neighbor.ports), Clock::time_point::min()};
  }

  // It was asked for and came.
  void learn(const LearntNeighbor& neighbor);
  // A message without a slice says it: unless that may be another answer, nobody forgets it now but
  // who deletes it.
  void pushed(const NeighborKey& key) {
    if (!entries_.empty()) {
      keep_unless_recent(key);
    }
  }
  // False: it isn't there for being asked for.
  bool forget(const NeighborKey& key);

  [[nodiscard]] const Entries& entries() const { return entries_; }

 private:
  void keep_unless_recent(const NeighborKey& key);

  Journal* journal_ = &Journal::none();
  Entries entries_;
};

}  // namespace alkaid::agent
