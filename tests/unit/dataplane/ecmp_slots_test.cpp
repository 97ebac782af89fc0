// How slots of flows are shared between next hops.
#include "dataplane/underlay/ecmp_slots.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

using Slots = std::array<std::uint8_t, kEcmpSlots>;

class EcmpSlots : public ::testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static Slots slots(std::size_t size, std::initializer_list<std::size_t> dead) {
    std::array<bool, kMostNextHops> usable{};
    std::fill_n(usable.begin(), size, true);
    for (const std::size_t i : dead) {
      usable[i] = false;
    }
    return ecmp_slots(std::span{usable}.first(size));
  }
  static std::vector<std::size_t> shares(const Slots& slots, std::size_t size) {
    std::vector<std::size_t> counts(size);
    for (const std::uint8_t slot : slots) {
      ++counts.at(slot);
    }
    return counts;
  }
};

TEST_P(EcmpSlots, SharesDifferByAtMostOne) {
  const std::size_t size = GetParam();
  const auto counts = shares(slots(size, {}), size);
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  EXPECT_LE(*most - *least, 1U);
}

TEST_P(EcmpSlots, ALossMovesOnlyItsOwnAndSpreadsThem) {
  const std::size_t size = GetParam();
  const auto before = slots(size, {});
  for (std::size_t dead = 0; dead < size && size > 1; ++dead) {
    const auto after = slots(size, {dead});
    for (std::size_t i = 0; i < kEcmpSlots; ++i) {
      if (before[i] == dead) {
        EXPECT_NE(after[i], dead);
      } else {
        EXPECT_EQ(after[i], before[i]);
      }
    }
    auto counts = shares(after, size);
    counts.erase(counts.begin() + static_cast<std::ptrdiff_t>(dead));
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_LE(*most - *least, 3U) << "without next hop " << dead;
  }
}

TEST_P(EcmpSlots, TheLastOneTakesAll) {
  const std::size_t size = GetParam();
  for (std::size_t alive = 0; alive < size; ++alive) {
    std::array<bool, kMostNextHops> usable{};
    usable[alive] = true;
    EXPECT_EQ(shares(ecmp_slots(std::span{usable}.first(size)), size)[alive], kEcmpSlots);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, EcmpSlots, ::testing::Range<std::size_t>(1, kMostNextHops + 1));

}  // namespace
}  // namespace alkaid
