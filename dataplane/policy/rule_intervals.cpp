#include "dataplane/policy/rule_intervals.hpp"

#include <algorithm>

namespace alkaid {
namespace {

// Of the heap of active rules: the shallowest on top, of those the one that reaches farthest.
bool is_worse(const RuleInterval& a, const RuleInterval& b) {
  return a.depth != b.depth ? a.depth > b.depth : a.last < b.last;
}

}  // namespace

void IntervalList::clear() {
  ends_.clear();
  entries_.clear();
  active_.clear();
  next_ = 0;
}

void IntervalList::extend(Selector last, std::uint32_t entry) {
  if (last < next_) {
    return;
  }
  if (!entries_.empty() && entries_.back() == entry) {
    ends_.back() = last;
  } else {
    ends_.push_back(last);
    entries_.push_back(entry);
  }
  next_ = last + 1;
}

void IntervalList::finish() {
  extend(kLargestSelector, kNothing);
  ends_.pop_back();
}

void IntervalList::merge_one_depth(std::span<const RuleInterval> rules) {
  clear();
  for (const auto& rule : rules) {
    if (rule.first > next_) {
      extend(rule.first - 1, kNothing);
    }
    extend(rule.last, RuleChain::entry_of(rule.rule, rule.depth));
  }
  finish();
}

void IntervalList::merge_depths(std::span<const RuleInterval> rules) {
  clear();
  // Covers what lies before `point` by the rules that are active.
  const auto advance = [this](Selector point) {
    while (next_ < point) {
      while (!active_.empty() && active_.front().last < next_) {
        std::pop_heap(active_.begin(), active_.end(), is_worse);
        active_.pop_back();
      }
      if (active_.empty()) {
        extend(point - 1, kNothing);
      } else {
        const RuleInterval& best = active_.front();
        extend(std::min(best.last, point - 1), RuleChain::entry_of(best.rule, best.depth));
      }
    }
  };
  for (const auto& rule : rules) {
    advance(rule.first);
    active_.push_back(rule);
    std::push_heap(active_.begin(), active_.end(), is_worse);
  }
  advance(kLargestSelector + 1);
  finish();
}

}  // namespace alkaid
