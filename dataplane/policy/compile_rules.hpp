// From rules in order to what workers search. Control thread.
// Design and numbers: docs/design/security-groups.md.
#pragma once

#include <memory>
#include <span>

#include "dataplane/policy/rule_source.hpp"

namespace alkaid {

// The rules that name one group, ascending by selector.
struct GroupIntervals {
  const SecurityGroup* group = nullptr;
  std::span<const RuleInterval> intervals;
};

// boxes: in the order of IsBoxBefore. groups: at most RuleSet::kMostRemoteGroups.
template <class Key>
std::shared_ptr<const RuleSet<Key>> compile_rules(std::span<const RuleBox<Key>> boxes,
                                                  std::span<const GroupIntervals> groups);

extern template std::shared_ptr<const RuleSet<Ipv4Key>> compile_rules(
    std::span<const RuleBox<Ipv4Key>> boxes, std::span<const GroupIntervals> groups);
extern template std::shared_ptr<const RuleSet<Ipv6Key>> compile_rules(
    std::span<const RuleBox<Ipv6Key>> boxes, std::span<const GroupIntervals> groups);

}  // namespace alkaid
