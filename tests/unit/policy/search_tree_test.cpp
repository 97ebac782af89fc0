#include "dataplane/policy/search_tree.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

// Every size around those at which a level is added, and every point that can make a difference.
template <class Key>
void compare_with_lower_bound(std::size_t size, Key step) {
  std::vector<Key> ends;
  Key end = 0;
  for (std::size_t i = 0; i < size; ++i) {
    ends.push_back(end);
    end = static_cast<Key>(end + step);
  }
  KeyArena<Key> arena(3, 7);  // something is there already, and not a whole node
  const SearchTree tree = SearchTree::build<Key>(ends, arena);
  const auto check = [&](Key point) {
    const auto wanted =
        static_cast<std::size_t>(std::lower_bound(ends.begin(), ends.end(), point) - ends.begin());
    ASSERT_EQ(tree.find(arena.data(), point), wanted) << "of " << size;
  };
  check(0);
  check(kLargestKey<Key>);
  for (const Key key : ends) {
    check(static_cast<Key>(key - 1));
    check(key);
    check(static_cast<Key>(key + 1));
  }
}

const std::vector<std::size_t> kSizes{0,  1,  7,   8,   9,   15,  16,  17,  71,   72,   73,  80,
                                      81, 82, 271, 272, 273, 288, 289, 290, 4624, 4625, 5000};

TEST(SearchTree, FindsTheIntervalOfEveryPointIpv4) {
  for (const std::size_t size : kSizes) {
    compare_with_lower_bound<std::uint32_t>(size, 3);
    compare_with_lower_bound<std::uint32_t>(size, 1);
    compare_with_lower_bound<std::uint32_t>(size, 800000);
  }
}

TEST(SearchTree, FindsTheIntervalOfEveryPointIpv6) {
  for (const std::size_t size : kSizes) {
    compare_with_lower_bound<Uint128>(size, 3);
    compare_with_lower_bound<Uint128>(size, (Uint128{1} << 64) - 1);
    compare_with_lower_bound<Uint128>(size, Uint128{1} << 115);
  }
}

TEST(SearchTree, TheEndsOfTheLine) {
  KeyArena<std::uint32_t> arena;
  const std::vector<std::uint32_t> ends{0, 0xfffffffe};
  const SearchTree tree = SearchTree::build<std::uint32_t>(ends, arena);
  EXPECT_EQ(tree.find(arena.data(), 0U), 0U);
  EXPECT_EQ(tree.find(arena.data(), 1U), 1U);
  EXPECT_EQ(tree.find(arena.data(), 0xfffffffeU), 1U);
  EXPECT_EQ(tree.find(arena.data(), 0xffffffffU), 2U);
}

}  // namespace
}  // namespace alkaid
