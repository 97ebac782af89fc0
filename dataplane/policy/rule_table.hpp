// All rules of this host by number, with their hits.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/policy/port_policy.hpp"
#include "dataplane/tables/table_occupancy.hpp"
#include "dataplane/worker/counter.hpp"

namespace alkaid {

// Runs a function when no worker can hold what was unpublished before the call (QuiescenceDomain).
using Retire = std::function<void(std::function<void()>)>;

// What a number stands for.
struct RuleName {
  std::string group;
  std::string rule;
};

class RuleTable {
 public:
  // Rule numbers must fit beside a depth in one word (RuleChain).
  static constexpr std::uint32_t kMostRules = (1U << 23) - 1;

  // capacity: rules, at most kMostRules. Throws std::bad_alloc.
  RuleTable(std::uint32_t capacity, unsigned workers, Retire retire);

  // ---- workers
  // The rule admitted a connection, or a packet that belongs to none. worker: who calls.
  void count_hit(unsigned worker, RuleNumber rule) { hits_[worker][rule].add(1); }

  // ---- control thread
  [[nodiscard]] std::uint64_t hits(RuleNumber rule) const {
    return rule < names_.size() ? counted(rule) - hits_of_predecessors_[rule] : 0;
  }
  // Whether so many rules can be added if so many go.
  [[nodiscard]] bool has_room(std::size_t added, std::size_t removed);
  // kNoRule if there is none.
  [[nodiscard]] RuleNumber allocate(RuleName name);
  // After the rule was unpublished. The number is used again a grace period later, as late as
  // possible: what remembers it names no other rule meanwhile.
  void release(RuleNumber rule);
  // nullptr: no rule has the number.
  [[nodiscard]] const RuleName* name(RuleNumber rule) const {
    return rule < names_.size() ? names_[rule].get() : nullptr;
  }
  [[nodiscard]] TableOccupancy occupancy() const;

 private:
  // With those of rules that had the number before.
  [[nodiscard]] std::uint64_t counted(RuleNumber rule) const;

  // Twice as many as rules, so that all can be replaced at once.
  const std::uint32_t numbers_;
  const Retire retire_;
  // Each worker's own, which nobody sets back: a new connection must not cost a locked instruction.
  std::vector<std::unique_ptr<Counter[]>> hits_;
  // Both up to the highest number that was ever used.
  std::vector<std::unique_ptr<RuleName>> names_;
  std::vector<std::uint64_t> hits_of_predecessors_;
  // Shared with what waits for a grace period, which may outlive the table.
  std::shared_ptr<std::deque<RuleNumber>> free_ = std::make_shared<std::deque<RuleNumber>>();
  TableOccupancy occupancy_;
};

}  // namespace alkaid
