// Text from outside in log lines.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "control/common/logging.hpp"

namespace alkaid {
namespace {

using namespace std::string_view_literals;

TEST(Printable, EscapesWhatATerminalWouldObey) {
  struct {
    std::string_view text, shown;
  } const cases[] = {
      {"", ""},
      {"plain text 123 ~", "plain text 123 ~"},
      {"two\nlines\r\t", "two\\x0alines\\x0d\\x09"},
      {"\x1b[2J", "\\x1b[2J"},
      {"a\0b"sv, "a\\x00b"},
      {"\x7f\x80\xff", "\\x7f\\x80\\xff"},
      // A backslash too, or the escapes could be forged.
      {"\\x0a", "\\x5cx0a"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(printable(c.text), c.shown);
  }
}

TEST(Printable, CutsLongText) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdef", 5), "abcde...");
  EXPECT_EQ(printable("abcdef", 0), "...");
  EXPECT_EQ(printable(std::string(1000000, 'a')), std::string(128, 'a') + "...");
}

TEST(Logging, RefusesUnknownLevels) {
  EXPECT_FALSE(set_up_logging("test", "loud"));
  EXPECT_FALSE(set_up_logging("test", ""));
}

TEST(Logging, EveryDocumentedLevelIsKnown) {
  for (const auto* level : {"trace", "debug", "info", "warning", "error", "critical", "off"}) {
    EXPECT_TRUE(set_up_logging(std::string{"test-"} + level, level)) << level;
  }
}

}  // namespace
}  // namespace alkaid
