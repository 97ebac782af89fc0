#include "control/console/render.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Section table() {
  Section section{.key = "ports"};
  section.columns = {left("id", "PORT"), right("packets", "PACKETS"), detail("driver", "DRIVER")};
  section.rows = {{text("green-1"), number(7), text("net_tap")},
                  {text("r"), number(12345678), none()}};
  return section;
}

TEST(Render, TablesAreAlignedAndHideDetail) {
  EXPECT_EQ(render_text({{table()}}),
            "PORT      PACKETS\n"
            "green-1         7\n"
            "r        12345678\n");
}

TEST(Render, RecordsShowEverything) {
  Section section = table();
  section.style = Section::Style::kRecords;
  EXPECT_EQ(render_text({{section}}),
            "PORT     green-1\n"
            "PACKETS  7\n"
            "DRIVER   net_tap\n"
            "\n"
            "PORT     r\n"
            "PACKETS  12345678\n"
            "DRIVER   -\n");
}

TEST(Render, JsonHasAllColumnsAndKeepsTypes) {
  const Json document = Json::parse(render_json({{table()}}));
  EXPECT_EQ(document, Json::parse(R"({"ports": [
      {"id": "green-1", "packets": 7, "driver": "net_tap"},
      {"id": "r", "packets": 12345678, "driver": null}]})"));
}

TEST(Render, EmptyTablesSaySoAndAreEmptyArrays) {
  const Display display{{{.key = "drops", .when_empty = "no drops"}}};
  EXPECT_EQ(render_text(display), "no drops\n");
  EXPECT_EQ(Json::parse(render_json(display)), Json::parse(R"({"drops": []})"));
}

TEST(Render, ObjectsAndText) {
  Section object{.key = "agent", .heading = "Agent", .style = Section::Style::kObject};
  object.columns = {left("in_sync", "in sync")};
  object.rows = {{boolean(true)}};
  const Section absent{
      .key = "other", .style = Section::Style::kObject, .when_empty = "not running"};
  const Section lines{.key = "dot", .style = Section::Style::kText, .content = "a {\n}\x1b[2J"};
  const Section repeated{
      .key = "again", .style = Section::Style::kText, .content = "x", .only_text = true};
  const Display display{{object, absent, lines, repeated}};
  EXPECT_EQ(render_text(display), "Agent\nin sync  yes\n\nnot running\n\na {\n}[2J\n\nx\n");
  EXPECT_EQ(
      Json::parse(render_json(display)),
      Json::parse(R"({"agent": {"in_sync": true}, "other": null, "dot": "a {\n}\u001b[2J"})"));
}

TEST(Render, TextFromOutsideCannotReachTheTerminal) {
  Section section{.key = "x"};
  section.columns = {left("value", "VALUE")};
  section.rows = {{text("\x1b]0;title\x07\xff\xc2\x9b")}, {list({"\x1b[2J", "b"})}};
  const Display display{{section}};
  for (const char c : render_text(display) + render_json(display)) {
    EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << static_cast<int>(c);
  }
  EXPECT_THAT(render_text(display), HasSubstr("\\x1b]0;title\\x07\\xff"));
  EXPECT_THAT(render_text(display), HasSubstr("\\x1b[2J,b"));
}

TEST(Render, LongTextIsCutInTextOnly) {
  Section section{.key = "x"};
  section.columns = {left("value", "VALUE")};
  section.rows = {{text(std::string(1000, 'a'))}};
  EXPECT_THAT(render_text({{section}}), Not(HasSubstr(std::string(300, 'a'))));
  EXPECT_THAT(render_json({{section}}), HasSubstr(std::string(1000, 'a')));
}

}  // namespace
}  // namespace alkaid::console
