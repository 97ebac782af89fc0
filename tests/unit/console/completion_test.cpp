#include "control/console/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"

namespace alkaid::console {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

std::vector<std::string> fake_names(NameKind kind) {
  if (kind == NameKind::kPort) {
    return {"green-1", "green-2", "red-1", "with blank", "e\x1bsc"};
  }
  return kind == NameKind::kVni ? std::vector<std::string>{"1001", "1002"}
                                : std::vector<std::string>{};
}

Completion at(std::string_view line) {
  return complete(command_tree(), line, fake_names);
}

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> result;
  for (const Candidate& candidate : at(line).candidates) {
    result.push_back(candidate.word);
  }
  return result;
}

TEST(Completion, KeywordsByPrefix) {
  EXPECT_THAT(words("sh"), ElementsAre("show"));
  EXPECT_EQ(at("sh").insertion(), "ow ");
  EXPECT_EQ(at("show").insertion(), " ");
  EXPECT_THAT(words("show d"), ElementsAre("dhcp", "drops"));
  EXPECT_EQ(at("show d").insertion(), "");
  EXPECT_EQ(at("show gr").insertion(), "aph ");
}

TEST(Completion, AfterABlankEverythingThatFits) {
  EXPECT_THAT(words(""),
              ElementsAre("?", "exit", "explain", "flush", "help", "quit", "set", "show", "watch"));
  EXPECT_THAT(words("sh "), Contains("underlay"));
  EXPECT_THAT(words("show drops "), ElementsAre("all", "port", "--json", "| grep", "<Enter>"));
}

TEST(Completion, LiveNamesOfPortsAndSegments) {
  EXPECT_THAT(words("show port g"), ElementsAre("green-1", "green-2"));
  EXPECT_EQ(at("show port g").insertion(), "reen-");
  EXPECT_EQ(at("show port r").insertion(), "ed-1 ");
  EXPECT_THAT(words("show port "), Contains("ID"));
  EXPECT_THAT(words("show drops port gre"), ElementsAre("green-1", "green-2"));
  EXPECT_THAT(words("show neighbor vni "), ElementsAre("VNI", "1001", "1002"));
  EXPECT_EQ(at("watch 1 show port r").insertion(), "ed-1 ");
}

TEST(Completion, ClausesFollowEachOther) {
  EXPECT_THAT(words("show conntrack "), IsSupersetOf({"port", "top", "summary", "timeouts"}));
  const auto after = words("show conntrack vni 1001 top 3 ");
  EXPECT_THAT(after, IsSupersetOf({"port", "state", "--json", "<Enter>"}));
  EXPECT_THAT(after, Not(Contains("summary")));
  EXPECT_THAT(words("show conntrack vni 1001 port g"), ElementsAre("green-1", "green-2"));
  EXPECT_THAT(words("flush conntrack protocol tcp vni "), ElementsAre("VNI", "1001", "1002"));
  EXPECT_THAT(words("flush conntrack "), Not(Contains("top")));
  EXPECT_THAT(words("set conntrack timeout tcp_closed "), ElementsAre("TIME"));
}

TEST(Completion, HintsAndUntypableNamesAreNotInserted) {
  EXPECT_EQ(at("watch ").insertion(), "");
  EXPECT_EQ(at("show port w").insertion(), "");
  EXPECT_THAT(words("show port w"), ElementsAre("with blank"));
  EXPECT_THAT(words("show port e"), ElementsAre("e\\x1bsc"));
  EXPECT_EQ(at("show port e").insertion(), "");
}

TEST(Completion, JsonAndGrep) {
  EXPECT_EQ(at("show port --").insertion(), "json ");
  EXPECT_THAT(words("show version --json "), Not(Contains("--json")));
  EXPECT_EQ(at("show version | ").insertion(), "grep ");
  EXPECT_EQ(at("show version | g").insertion(), "rep ");
  EXPECT_THAT(words("show version | grep "), ElementsAre("PATTERN"));
  EXPECT_THAT(words("show version | grep a"), IsEmpty());
}

TEST(Completion, NothingAfterAWrongWord) {
  EXPECT_THAT(words("shw "), IsEmpty());
  EXPECT_THAT(words("show prt g"), IsEmpty());
  EXPECT_THAT(words("show \"po"), IsEmpty());
  EXPECT_THAT(words("quit "), IsEmpty());
}

TEST(Completion, HelpTakesTheWordsOfCommands) {
  EXPECT_EQ(at("help sh").insertion(), "ow ");
}

}  // namespace
}  // namespace alkaid::console
