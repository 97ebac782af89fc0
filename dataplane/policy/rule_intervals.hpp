// Intervals of selectors: which rule decides where rules overlap. Control thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/policy/rule_set.hpp"

namespace alkaid {

// What a rule says of protocol and ports, both ends included, at a depth of a RuleChain.
struct RuleInterval {
  Selector first = 0;
  Selector last = 0;
  RuleNumber rule = kNoRule;
  std::uint32_t depth = 0;
};

// Elementary intervals that cover all selectors.
class IntervalList {
 public:
  static constexpr std::uint32_t kNothing = RuleChain::entry_of(kNoRule, RuleChain::kNoDepth);

  void clear();
  // rules: ascending by first, all of the same depth.
  void merge_one_depth(std::span<const RuleInterval> rules);
  // rules: ascending by first. Of rules that overlap the one of least depth is entered.
  void merge_depths(std::span<const RuleInterval> rules);

  // Last points of all intervals but the last one, and every interval's entry.
  [[nodiscard]] const std::vector<Selector>& ends() const { return ends_; }
  [[nodiscard]] const std::vector<std::uint32_t>& entries() const { return entries_; }

 private:
  // The intervals so far, with `entry` up to and with `last`; nothing if that is covered already.
  void extend(Selector last, std::uint32_t entry);
  void finish();

  std::vector<Selector> ends_;
  std::vector<std::uint32_t> entries_;
  std::vector<RuleInterval> active_;  // by depth
  Selector next_ = 0;                 // the first selector that is not covered
};

}  // namespace alkaid
