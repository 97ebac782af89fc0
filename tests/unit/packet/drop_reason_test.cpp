// The table of drop reasons that operators and scripts see.
#include "dataplane/packet/drop_reason.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

TEST(DropReason, NamesAreUniqueWordsWithADescription) {
  std::set<std::string_view> names;
  for (const DropReasonText& text : kDropReasonTexts) {
    EXPECT_TRUE(names.insert(text.name).second) << text.name;
    EXPECT_FALSE(text.description.empty()) << text.name;
    EXPECT_TRUE(std::all_of(text.name.begin(), text.name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    })) << text.name;
  }
}

TEST(DropReason, TextsBelongToTheirReason) {
  EXPECT_EQ(text_of(DropReason::kNone).name, "none");
  EXPECT_EQ(text_of(DropReason::frame_truncated).name, "frame_truncated");
  EXPECT_EQ(text_of(DropReason::vxlan_flags).name, "vxlan_flags");
  EXPECT_EQ(text_of(static_cast<DropReason>(kDropReasonCount - 1)).name,
            kDropReasonTexts[kDropReasonCount - 1].name);
}

}  // namespace
}  // namespace alkaid
