#include "dataplane/policy/rule_table.hpp"

#include <algorithm>
#include <utility>

namespace alkaid {

RuleTable::RuleTable(std::uint32_t capacity, unsigned workers, Retire retire)
    : numbers_(2 * std::min(capacity, kMostRules)),
      retire_(std::move(retire)),
      names_(1),
      hits_of_predecessors_(1),
      occupancy_{.name = "security-rules", .capacity = capacity} {
  for (unsigned i = 0; i < workers; ++i) {
    hits_.push_back(std::make_unique<Counter[]>(std::size_t{numbers_} + 1));
  }
}

std::uint64_t RuleTable::counted(RuleNumber rule) const {
  std::uint64_t sum = 0;
  for (const auto& hits : hits_) {
    sum += hits[rule].read();
  }
  return sum;
}

bool RuleTable::has_room(std::size_t added, std::size_t removed) {
  if (occupancy_.used + added <= occupancy_.capacity + removed &&
      added <= free_->size() + (numbers_ + 1 - names_.size())) {
    return true;
  }
  ++occupancy_.full_events;
  return false;
}

RuleNumber RuleTable::allocate(RuleName name) {
  RuleNumber rule = kNoRule;
  if (names_.size() <= numbers_) {
    rule = static_cast<RuleNumber>(names_.size());
    names_.emplace_back();
    hits_of_predecessors_.emplace_back();
  } else if (!free_->empty()) {
    rule = free_->front();
    free_->pop_front();
  } else {
    return kNoRule;
  }
  names_[rule] = std::make_unique<RuleName>(std::move(name));
  hits_of_predecessors_[rule] = counted(rule);
  occupancy_.high_water = std::max(occupancy_.high_water, ++occupancy_.used);
  return rule;
}

void RuleTable::release(RuleNumber rule) {
  names_[rule].reset();
  --occupancy_.used;
  retire_([free = free_, rule] { free->push_back(rule); });
}

TableOccupancy RuleTable::occupancy() const {
  TableOccupancy occupancy = occupancy_;
  occupancy.bytes = hits_.size() * (std::uint64_t{numbers_} + 1) * sizeof(Counter) +
                    hits_of_predecessors_.capacity() * sizeof(std::uint64_t) +
                    names_.capacity() * sizeof(names_[0]) +
                    occupancy_.used * (sizeof(RuleName) + 16);
  return occupancy;
}

}  // namespace alkaid
