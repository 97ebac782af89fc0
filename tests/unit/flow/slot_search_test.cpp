#include "dataplane/flow/slot_search.hpp"

#include <random>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

template <class Value>
class SlotSearch : public testing::Test {};
using Widths = testing::Types<std::uint16_t, std::uint32_t>;
TYPED_TEST_SUITE(SlotSearch, Widths);

// Values that have a half or a byte in common with what is sought are not that.
TYPED_TEST(SlotSearch, FindsWhatTheLoopFinds) {
  constexpr auto kHalf = static_cast<unsigned>(4 * sizeof(TypeParam));
  const std::array<TypeParam, 6> values = {0,
                                           1,
                                           static_cast<TypeParam>(TypeParam{1} << kHalf),
                                           static_cast<TypeParam>((TypeParam{1} << kHalf) + 1),
                                           static_cast<TypeParam>(-1),
                                           static_cast<TypeParam>(TypeParam{1} << (2 * kHalf - 1))};
  std::mt19937 random(7);
  BucketSlots<TypeParam> slots = {};
  for (int round = 0; round < 5000; ++round) {
    for (auto& slot : slots) {
      slot = values[random() % values.size()];
    }
    for (const TypeParam wanted : values) {
      ASSERT_EQ(slots_with(slots, wanted), slots_with_portably(slots, wanted)) << wanted;
    }
  }
}

TYPED_TEST(SlotSearch, EachSlotHasItsBit) {
  BucketSlots<TypeParam> slots = {};
  EXPECT_EQ(slots_with(slots, TypeParam{0}), 0x3ffU);
  for (std::size_t slot = 0; slot < kBucketSlots; ++slot) {
    slots[slot] = static_cast<TypeParam>(7 + slot);
  }
  for (std::size_t slot = 0; slot < kBucketSlots; ++slot) {
    EXPECT_EQ(slots_with(slots, static_cast<TypeParam>(7 + slot)), 1U << slot);
  }
  EXPECT_EQ(slots_with(slots, TypeParam{0}), 0U);
}

}  // namespace
}  // namespace alkaid
