#include "control/console/grep.hpp"

#include <gtest/gtest.h>

namespace alkaid::console {
namespace {

std::string grep(const std::string& pattern, std::string_view text) {
  auto filter = LineFilter::make(pattern);
  return std::holds_alternative<std::string>(filter) ? "bad"
                                                     : std::get<LineFilter>(filter).apply(text);
}

TEST(Grep, KeepsLinesThatMatch) {
  EXPECT_EQ(grep("b", "abc\nxyz\nb\n"), "abc\nb\n");
  EXPECT_EQ(grep("^b$", "abc\nxyz\nb\n"), "b\n");
  EXPECT_EQ(grep("x|a", "abc\nxyz\nb\n"), "abc\nxyz\n");
  EXPECT_EQ(grep("q", "abc\n"), "");
  EXPECT_EQ(grep("c", "abc"), "abc\n");
  EXPECT_EQ(grep("", ""), "");
}

TEST(Grep, BadPatternsAreErrors) {
  EXPECT_EQ(grep("(", "("), "bad");
  EXPECT_EQ(grep("[a", "a"), "bad");
  EXPECT_EQ(grep(std::string(1000, 'a'), "a"), "bad");
}

}  // namespace
}  // namespace alkaid::console
