#include "dataplane/policy/compile_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/policy/rule_order.hpp"

namespace alkaid {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

// A prefix that rules name, in the tree of prefixes.
template <class Key>
struct PrefixNode {
  Key first = 0;
  Key last = 0;
  std::uint32_t first_box = 0;
  std::uint32_t boxes = 0;
  std::uint32_t parent = kNone;
  std::uint32_t size = 1;             // prefixes in the subtree
  std::uint32_t heavy_child = kNone;  // the root of the largest subtree below
  RuleChain::Place place = RuleChain::kNowhere;
};

template <class Key>
class Compiler {
 public:
  explicit Compiler(std::span<const RuleBox<Key>> boxes) : boxes_(boxes) {}

  std::shared_ptr<const RuleSet<Key>> compile(std::span<const GroupIntervals> groups) {
    find_nodes();
    measure_subtrees();
    cut_into_chains();
    lay_out_addresses();
    compile_groups(groups);
    return std::move(set_);
  }

 private:
  // Boxes come in preorder: what encloses a prefix and is the nearest is its parent.
  void find_nodes() {
    std::uint32_t enclosing = kNone;
    for (std::size_t i = 0; i < boxes_.size(); ++i) {
      const auto& box = boxes_[i];
      if (!nodes_.empty() && nodes_.back().first == box.first && nodes_.back().last == box.last) {
        ++nodes_.back().boxes;
        continue;
      }
      while (enclosing != kNone && nodes_[enclosing].last < box.first) {
        enclosing = nodes_[enclosing].parent;
      }
      nodes_.push_back({.first = box.first,
                        .last = box.last,
                        .first_box = static_cast<std::uint32_t>(i),
                        .boxes = 1,
                        .parent = enclosing});
      enclosing = static_cast<std::uint32_t>(nodes_.size() - 1);
    }
  }

  void measure_subtrees() {
    for (std::size_t i = nodes_.size(); i > 0; --i) {
      const auto& node = nodes_[i - 1];
      if (node.parent == kNone) {
        continue;
      }
      auto& parent = nodes_[node.parent];
      parent.size += node.size;
      if (parent.heavy_child == kNone || nodes_[parent.heavy_child].size < node.size) {
        parent.heavy_child = static_cast<std::uint32_t>(i - 1);
      }
    }
  }

  void cut_into_chains() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto& node = nodes_[i];
      if (node.parent == kNone || nodes_[node.parent].heavy_child != i) {
        make_chain(static_cast<std::uint32_t>(i));
      }
    }
  }

  void make_chain(std::uint32_t head) {
    const auto number = static_cast<std::uint32_t>(set_->chains.size());
    RuleChain& chain = set_->chains.emplace_back();
    if (nodes_[head].parent != kNone) {
      chain.parent = nodes_[nodes_[head].parent].place;
    }
    intervals_.clear();
    std::uint32_t depth = 0;
    for (std::uint32_t i = head; i != kNone; i = nodes_[i].heavy_child, ++depth) {
      nodes_[i].place = RuleChain::place_of(number, depth);
      for (const auto& box : boxes_.subspan(nodes_[i].first_box, nodes_[i].boxes)) {
        intervals_.push_back(box.interval);
        intervals_.back().depth = depth;
      }
    }
    if (depth == 1) {
      list_.merge_one_depth(intervals_);
    } else {
      sort_by_first(intervals_, scratch_);
      list_.merge_depths(intervals_);
    }
    chain.set_intervals(list_.ends(), list_.entries(), set_->selector_keys, set_->entries);
  }

  // Every prefix covers what lies between the ones inside it.
  void lay_out_addresses() {
    std::uint32_t enclosing = kNone;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      const Key first = nodes_[i].first;
      while (enclosing != kNone && nodes_[enclosing].last < first) {
        cover(nodes_[enclosing].last, enclosing);
        enclosing = nodes_[enclosing].parent;
      }
      if (next_ < first) {
        cover(static_cast<Key>(first - 1), enclosing);
      }
      enclosing = i;
    }
    for (; enclosing != kNone; enclosing = nodes_[enclosing].parent) {
      cover(nodes_[enclosing].last, enclosing);
    }
    cover(kLargestKey<Key>, kNone);
    ends_.pop_back();
    set_->address_tree = SearchTree::build<Key>(ends_, set_->address_keys);
  }

  // What is not covered yet up to and with `last` is the node's.
  void cover(Key last, std::uint32_t node) {
    if (last < next_ || (!ends_.empty() && ends_.back() == kLargestKey<Key>)) {
      return;
    }
    ends_.push_back(last);
    set_->places.push_back(node == kNone ? RuleChain::kNowhere : nodes_[node].place);
    next_ = static_cast<Key>(last + 1);
  }

  void compile_groups(std::span<const GroupIntervals> groups) {
    set_->first_group_chain = static_cast<std::uint32_t>(set_->chains.size());
    // Where the bit of a group changes.
    std::vector<std::pair<Selector, std::uint64_t>> changes;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      set_->remote_groups.push_back(groups[i].group);
      list_.merge_one_depth(groups[i].intervals);
      set_->chains.emplace_back().set_intervals(list_.ends(), list_.entries(), set_->selector_keys,
                                                set_->entries);
      bool was_set = false;
      for (std::size_t interval = 0; interval < list_.entries().size(); ++interval) {
        const bool is_set = list_.entries()[interval] != IntervalList::kNothing;
        if (is_set != was_set) {
          changes.emplace_back(interval == 0 ? 0 : list_.ends()[interval - 1] + 1,
                               std::uint64_t{1} << i);
          was_set = is_set;
        }
      }
    }
    std::sort(changes.begin(), changes.end());
    std::vector<Selector> ends;
    set_->group_bits.push_back(0);
    for (const auto& [first, bit] : changes) {
      // A change at the very first selector ends no interval.
      if (first != 0 && (ends.empty() || ends.back() != first - 1)) {
        ends.push_back(first - 1);
        set_->group_bits.push_back(set_->group_bits.back());
      }
      set_->group_bits.back() ^= bit;
    }
    set_->group_tree = SearchTree::build<Selector>(ends, set_->selector_keys);
  }

  std::span<const RuleBox<Key>> boxes_;
  std::shared_ptr<RuleSet<Key>> set_ = std::make_shared<RuleSet<Key>>();
  std::vector<PrefixNode<Key>> nodes_;
  std::vector<RuleInterval> intervals_;
  std::vector<RuleInterval> scratch_;
  IntervalList list_;
  std::vector<Key> ends_;
  Key next_ = 0;  // the first address that is not covered
};

}  // namespace

template <class Key>
std::shared_ptr<const RuleSet<Key>> compile_rules(std::span<const RuleBox<Key>> boxes,
                                                  std::span<const GroupIntervals> groups) {
  return Compiler<Key>(boxes).compile(groups);
}

template std::shared_ptr<const RuleSet<Ipv4Key>> compile_rules(
    std::span<const RuleBox<Ipv4Key>> boxes, std::span<const GroupIntervals> groups);
template std::shared_ptr<const RuleSet<Ipv6Key>> compile_rules(
    std::span<const RuleBox<Ipv6Key>> boxes, std::span<const GroupIntervals> groups);

}  // namespace alkaid
