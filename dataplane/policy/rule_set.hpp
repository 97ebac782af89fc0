// The rules of a security group for one direction and one address family, as workers search them.
// Design and numbers: docs/design/security-groups.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/policy/port_policy.hpp"
#include "dataplane/policy/search_tree.hpp"

namespace alkaid {

class SecurityGroup;

// Protocol and port (or ICMP type and code) of a packet as one number, so that every rule is an
// interval of it.
using Selector = std::uint32_t;
inline constexpr Selector kLargestSelector = 0xffffff;

constexpr Selector selector_of(std::uint8_t protocol, std::uint16_t port) {
  return Selector{protocol} << 16 | port;
}

// IPv4 addresses as 32-bit numbers, IPv6 addresses as 128-bit ones.
using Ipv4Key = std::uint32_t;
using Ipv6Key = Uint128;

inline Ipv4Key key_of(const IpAddress& address, Ipv4Key /*family*/) {
  return static_cast<Ipv4Key>(address.low());
}
inline Ipv6Key key_of(const IpAddress& address, Ipv6Key /*family*/) {
  return Ipv6Key{address.high()} << 64 | address.low();
}

// The prefixes that rules name form a tree by containment. It is cut into chains (heavy paths):
// from any prefix to the root one meets at most log2(prefixes) of them. A chain knows for every
// selector the shallowest of its prefixes that has a rule for it, so one search answers for all
// prefixes of the chain that contain an address.
class RuleChain {
 public:
  RuleChain() : words_{} {}

  // Nodes of a chain are nested prefixes: at most one for each length, 0 .. 128.
  static constexpr std::uint32_t kNoDepth = 255;
  static constexpr std::uint32_t kMostInline = 6;

  // A rule and the depth of its prefix in the chain, in one word; without rule: kNoDepth.
  static constexpr std::uint32_t entry_of(RuleNumber rule, std::uint32_t depth) {
    return rule << 8 | depth;
  }
  static constexpr std::uint32_t depth_of(std::uint32_t entry) { return entry & 0xff; }
  static constexpr RuleNumber rule_of(std::uint32_t entry) { return entry >> 8; }

  // A place in a chain: its number and the depth.
  using Place = std::uint32_t;
  static constexpr Place kNowhere = 0xffffffff;
  static constexpr Place place_of(std::uint32_t chain, std::uint32_t depth) {
    return chain << 8 | depth;
  }
  static constexpr std::uint32_t chain_of(Place place) { return place >> 8; }

  // Elementary intervals of selectors: their last points (but for the last one) and entries.
  void set_intervals(const std::vector<Selector>& ends, const std::vector<std::uint32_t>& entries,
                     KeyArena<Selector>& keys, std::vector<std::uint32_t>& all_entries);

  [[nodiscard]] std::uint32_t find(Selector selector, const Selector* keys,
                                   const std::uint32_t* all_entries) const {
    if (is_inline_) {
      std::uint32_t below = 0;
      for (std::uint32_t i = 0; i < kMostInline; ++i) {
        below += words_[i] < selector ? 1 : 0;
      }
      return words_[kMostInline + below];
    }
    return all_entries[first_entry_ + tree_.find(keys, selector)];
  }

  Place parent = kNowhere;  // the prefix that the chain's first one lies in

 private:
  bool is_inline_ = true;
  std::uint32_t first_entry_ = 0;
  union {
    std::array<std::uint32_t, 2 * kMostInline + 1> words_;  // ends, then entries
    SearchTree tree_;
  };
};
static_assert(sizeof(RuleChain) == 64);

template <class Key>
class RuleSet {
 public:
  // Rules of one direction may name this many other groups: a bit each.
  static constexpr std::size_t kMostRemoteGroups = 64;

  // Workers. A rule that allows it, or kNoRule. Takes at most log2(prefixes) searches for prefixes,
  // and a look-up of the address in each of the groups that a rule for this selector names.
  [[nodiscard]] RuleNumber find(const PolicyQuery& query) const {
    const Selector selector = selector_of(query.protocol, query.selector);
    const RuleNumber rule = find_by_prefix(key_of(query.remote, Key{}), selector);
    return rule != kNoRule || remote_groups.empty() ? rule : find_by_group(query.remote, selector);
  }

  [[nodiscard]] std::size_t bytes() const;

  // ---- filled in by compile(), immutable afterwards
  // The line of addresses in intervals, each with the deepest prefix that covers it.
  SearchTree address_tree;
  KeyArena<Key> address_keys;
  std::vector<RuleChain::Place> places;
  // Those of prefixes, then one for each remote group.
  std::vector<RuleChain, CacheAligned<RuleChain>> chains;
  KeyArena<Selector> selector_keys;
  std::vector<std::uint32_t> entries;
  // The line of selectors in intervals, each with a bit for every remote group that has a rule.
  SearchTree group_tree;
  std::vector<std::uint64_t> group_bits;
  std::vector<const SecurityGroup*> remote_groups;
  std::uint32_t first_group_chain = 0;

 private:
  [[nodiscard]] RuleNumber find_by_prefix(Key address, Selector selector) const {
    RuleChain::Place place = places[address_tree.find(address_keys.data(), address)];
    while (place != RuleChain::kNowhere) {
      const RuleChain& chain = chains[RuleChain::chain_of(place)];
      const std::uint32_t entry = chain.find(selector, selector_keys.data(), entries.data());
      if (RuleChain::depth_of(entry) <= RuleChain::depth_of(place)) {
        return RuleChain::rule_of(entry);
      }
      place = chain.parent;
    }
    return kNoRule;
  }
  [[nodiscard]] RuleNumber find_by_group(const IpAddress& remote, Selector selector) const;
};

extern template class RuleSet<Ipv4Key>;
extern template class RuleSet<Ipv6Key>;

}  // namespace alkaid
