#include "dataplane/policy/rule_set.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/policy/security_group.hpp"

namespace alkaid {

void RuleChain::set_intervals(const std::vector<Selector>& ends,
                              const std::vector<std::uint32_t>& entries, KeyArena<Selector>& keys,
                              std::vector<std::uint32_t>& all_entries) {
  is_inline_ = ends.size() <= kMostInline;
  if (is_inline_) {
    words_.fill(kLargestKey<Selector>);
    std::copy(ends.begin(), ends.end(), words_.begin());
    std::copy(entries.begin(), entries.end(), words_.begin() + kMostInline);
    return;
  }
  first_entry_ = static_cast<std::uint32_t>(all_entries.size());
  all_entries.insert(all_entries.end(), entries.begin(), entries.end());
  tree_ = SearchTree::build<Selector>(ends, keys);
}

template <class Key>
RuleNumber RuleSet<Key>::find_by_group(const IpAddress& remote, Selector selector) const {
  std::uint64_t candidates = group_bits[group_tree.find(selector_keys.data(), selector)];
  for (; candidates != 0; candidates &= candidates - 1) {
    const auto group = static_cast<std::uint32_t>(std::countr_zero(candidates));
    if (remote_groups[group]->has_member(remote)) {
      return RuleChain::rule_of(
          chains[first_group_chain + group].find(selector, selector_keys.data(), entries.data()));
    }
  }
  return kNoRule;
}

template <class Key>
std::size_t RuleSet<Key>::bytes() const {
  return sizeof(*this) + address_keys.size() * sizeof(Key) +
         places.size() * sizeof(RuleChain::Place) + chains.size() * sizeof(RuleChain) +
         selector_keys.size() * sizeof(Selector) + entries.size() * sizeof(std::uint32_t) +
         group_bits.size() * sizeof(std::uint64_t) + remote_groups.size() * sizeof(void*);
}

template class RuleSet<Ipv4Key>;
template class RuleSet<Ipv6Key>;

}  // namespace alkaid
