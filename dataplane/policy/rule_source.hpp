// The rules of a security group for one direction and one address family as the control thread
// keeps them, in the order in which they are compiled.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "dataplane/policy/rule_intervals.hpp"
#include "dataplane/policy/rule_set.hpp"
#include "dataplane/policy/sorted_list.hpp"

namespace alkaid {

// A rule by prefix as a box: addresses first .. last, selectors of the interval.
template <class Key>
struct RuleBox {
  Key first = 0;
  Key last = 0;
  RuleInterval interval;
};

// A rule as it comes: the remote is a prefix (all addresses: length 0) or a group.
struct PolicyRule {
  IpPrefix prefix;
  const SecurityGroup* remote_group = nullptr;
  RuleInterval interval;
};

// Outer before inner, left before right, then by selector.
struct IsBoxBefore {
  template <class Key>
  bool operator()(const RuleBox<Key>& a, const RuleBox<Key>& b) const {
    return std::tie(a.first, b.last, a.interval.first, a.interval.rule) <
           std::tie(b.first, a.last, b.interval.first, b.interval.rule);
  }
};
struct IsIntervalBefore {
  bool operator()(const RuleInterval& a, const RuleInterval& b) const {
    return std::tie(a.first, a.rule) < std::tie(b.first, b.rule);
  }
};

// Control thread.
template <class Key>
class RuleSource {
 public:
  // A batch of changes, removals before additions, ends with compile(). Rules are told apart by
  // their number; what is removed is given as it was added.
  void add(const PolicyRule& rule);
  void remove(const PolicyRule& rule);

  [[nodiscard]] bool is_changed() const { return changed_; }

  // nullptr: there is no rule. Time is linear in the number of rules.
  [[nodiscard]] std::shared_ptr<const RuleSet<Key>> compile();

 private:
  using Box = RuleBox<Key>;
  static Box box_of(const PolicyRule& rule);

  SortedList<Box, IsBoxBefore> boxes_;
  std::map<const SecurityGroup*, SortedList<RuleInterval, IsIntervalBefore>> by_group_;
  bool changed_ = false;
};

extern template class RuleSource<Ipv4Key>;
extern template class RuleSource<Ipv6Key>;

}  // namespace alkaid
