#include "dataplane/policy/rule_intervals.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace alkaid {
namespace {

// The rules around a selector that moves on: of every depth the one that reaches farthest, since
// it is as good as any other of its depth.
class ActiveRules {
 public:
  // farthest: memory for one rule of every depth.
  explicit ActiveRules(std::vector<RuleInterval>& farthest) : farthest_(farthest) {
    farthest_.resize(RuleChain::kNoDepth);
  }

  void add(const RuleInterval& rule) {
    std::uint64_t& word = depths_[rule.depth / 64];
    const std::uint64_t bit = std::uint64_t{1} << rule.depth % 64;
    RuleInterval& farthest = farthest_[rule.depth];
    if ((word & bit) == 0 || farthest.last < rule.last) {
      farthest = rule;
      word |= bit;
    }
  }
  // The shallowest one that reaches `point` or farther; nullptr: there is none. Those before it
  // that end earlier are forgotten.
  const RuleInterval* shallowest(Selector point) {
    for (std::size_t i = 0; i < depths_.size(); ++i) {
      for (std::uint64_t& word = depths_[i]; word != 0; word &= word - 1) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(word));
        if (farthest_[i * 64 + bit].last >= point) {
          return &farthest_[i * 64 + bit];
        }
      }
    }
    return nullptr;
  }

 private:
  std::vector<RuleInterval>& farthest_;
  std::array<std::uint64_t, RuleChain::kNoDepth / 64 + 1> depths_{};  // a bit for each in use
};

}  // namespace

void IntervalList::clear() {
  ends_.clear();
  entries_.clear();
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
  ActiveRules active(active_);
  const auto advance = [&](Selector point) {
    while (next_ < point) {
      if (const RuleInterval* best = active.shallowest(next_)) {
        extend(std::min(best->last, point - 1), RuleChain::entry_of(best->rule, best->depth));
      } else {
        extend(point - 1, kNothing);
      }
    }
  };
  for (const auto& rule : rules) {
    advance(rule.first);
    active.add(rule);
  }
  advance(kLargestSelector + 1);
  finish();
}

}  // namespace alkaid
