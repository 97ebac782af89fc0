#include "dataplane/policy/rule_source.hpp"

#include "dataplane/policy/compile_rules.hpp"

namespace alkaid {
namespace {

template <class Key>
Key host_bits(const IpPrefix& prefix) {
  const unsigned bits = prefix.max_length() - prefix.length;
  return bits == sizeof(Key) * 8 ? kLargestKey<Key> : static_cast<Key>((Key{1} << bits) - 1);
}

}  // namespace

template <class Key>
typename RuleSource<Key>::Box RuleSource<Key>::box_of(const PolicyRule& rule) {
  const Key host = host_bits<Key>(rule.prefix);
  const Key address = key_of(rule.prefix.address, Key{});
  return {static_cast<Key>(address & ~host), static_cast<Key>(address | host), rule.interval};
}

template <class Key>
void RuleSource<Key>::add(const PolicyRule& rule) {
  changed_ = true;
  if (rule.remote_group != nullptr) {
    by_group_[rule.remote_group].add(rule.interval);
  } else {
    boxes_.add(box_of(rule));
  }
}

template <class Key>
void RuleSource<Key>::remove(const PolicyRule& rule) {
  changed_ = true;
  if (rule.remote_group != nullptr) {
    by_group_[rule.remote_group].remove(rule.interval);
  } else {
    boxes_.remove(box_of(rule));
  }
}

template <class Key>
std::shared_ptr<const RuleSet<Key>> RuleSource<Key>::compile() {
  changed_ = false;
  boxes_.settle();
  for (auto& [group, intervals] : by_group_) {
    intervals.settle();
  }
  std::erase_if(by_group_, [](const auto& group) { return group.second.elements().empty(); });
  if (boxes_.elements().empty() && by_group_.empty()) {
    return nullptr;
  }
  std::vector<GroupIntervals> groups;
  for (const auto& [group, intervals] : by_group_) {
    groups.push_back({group, intervals.elements()});
  }
  return compile_rules<Key>(boxes_.elements(), groups);
}

template class RuleSource<Ipv4Key>;
template class RuleSource<Ipv6Key>;

}  // namespace alkaid
