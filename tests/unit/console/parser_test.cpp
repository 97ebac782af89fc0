#include "control/console/parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/console/commands.hpp"

namespace alkaid::console {
namespace {

using ::testing::HasSubstr;

std::optional<std::string> only_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos
             ? std::nullopt
             : std::optional<std::string>{"a number"};
}

Answer nothing(Clients& /*clients*/, const Arguments& /*arguments*/) {
  return {};
}

// show port [ID [stats | state]] | show pool | show number N | shutdown
Node small_tree() {
  Node id = show("ID", "", nothing, {show("stats", "", nothing), show("state", "", nothing)});
  id.kind = Node::Kind::kArgument;
  Node digits = show("N", "", nothing);
  digits.kind = Node::Kind::kArgument;
  digits.check = only_digits;
  return keyword("", "",
                 {keyword("show", "",
                          {show("port", "", nothing, {std::move(id)}), show("pool", "", nothing),
                           keyword("number", "", {std::move(digits)})}),
                  show("shutdown", "", nothing)});
}

class Parser : public ::testing::Test {
 protected:
  Command command(std::string_view line) {
    auto result = parse_line(tree_, line);
    if (const auto* error = std::get_if<ParseError>(&result)) {
      ADD_FAILURE() << line << ": " << error->message;
      return {};
    }
    return std::get<Command>(result);
  }
  ParseError error(std::string_view line) {
    auto result = parse_line(tree_, line);
    if (std::holds_alternative<Command>(result)) {
      ADD_FAILURE() << line << " was accepted";
      return {};
    }
    return std::get<ParseError>(result);
  }

  const Node tree_ = small_tree();
};

TEST_F(Parser, KeywordsMayBeCutShortWhileUnique) {
  EXPECT_EQ(command("show port").node->word, "port");
  EXPECT_EQ(command("sho por").node->word, "port");
  EXPECT_EQ(command("shu").node->word, "shutdown");
  const Command stats = command("sho por green-1 stats");
  EXPECT_EQ(stats.node->word, "stats");
  EXPECT_EQ(stats.arguments.at("ID"), "green-1");
}

TEST_F(Parser, AmbiguousWordsListTheirMeanings) {
  EXPECT_EQ(error("sh port").offset, 0U);
  EXPECT_THAT(error("sh port").message, HasSubstr("ambiguous: show, shutdown"));
  EXPECT_EQ(error("show po").offset, 5U);
  EXPECT_THAT(error("show po").message, HasSubstr("ambiguous: port, pool"));
  EXPECT_THAT(error("show port x sta").message, HasSubstr("ambiguous: stats, state"));
}

TEST_F(Parser, AKeywordSpelledOutIsNeverAmbiguous) {
  const Node tree = keyword("", "", {show("port", "", nothing), show("ports", "", nothing)});
  const auto result = parse_line(tree, "port");
  ASSERT_TRUE(std::holds_alternative<Command>(result));
  EXPECT_EQ(std::get<Command>(result).node->word, "port");
}

TEST_F(Parser, WrongWordsAreNamedWithWhatWasExpected) {
  EXPECT_EQ(error("show  prt").offset, 6U);
  EXPECT_EQ(error("show  prt").message, "\"prt\": expected one of port, pool, number");
  EXPECT_EQ(error("show number abc").message, "\"abc\": expected a number");
  EXPECT_EQ(error("show pool now").message, "\"now\": expected the end of the command here");
  EXPECT_THAT(error("show \"\"").message, HasSubstr("expected one of"));
  EXPECT_THAT(error("show \x1b[2J").message, HasSubstr("\\x1b[2J"));
}

TEST_F(Parser, IncompleteCommandsPointBehindTheLine) {
  EXPECT_EQ(error("show").offset, 5U);
  EXPECT_THAT(error("show").message, HasSubstr("incomplete command: expected one of port"));
  EXPECT_THAT(error("show number").message, HasSubstr("expected N"));
}

TEST_F(Parser, JsonAndGrepBelongToNoCommand) {
  const Command plain = command("show port");
  EXPECT_FALSE(plain.json);
  EXPECT_EQ(plain.grep, std::nullopt);
  EXPECT_TRUE(command("show port --json").json);
  EXPECT_TRUE(command("--json show port").json);
  const Command filtered = command("show port green-1 --json | gr \"a b\"");
  EXPECT_TRUE(filtered.json);
  EXPECT_EQ(filtered.grep, "a b");
  EXPECT_EQ(filtered.arguments.at("ID"), "green-1");
  EXPECT_EQ(command("show port '--json'").arguments.at("ID"), "--json");
  EXPECT_EQ(command("show port '|'").arguments.at("ID"), "|");
}

TEST_F(Parser, BrokenPipesAreErrors) {
  EXPECT_EQ(error("show port |").offset, 11U);
  EXPECT_EQ(error("show port | sort").offset, 12U);
  EXPECT_THAT(error("show port | sort").message, HasSubstr("expected grep"));
  EXPECT_THAT(error("show port | grep").message, HasSubstr("PATTERN"));
  EXPECT_EQ(error("show port | grep a b").offset, 19U);
  EXPECT_THAT(error("| grep a").message, HasSubstr("incomplete"));
}

TEST_F(Parser, NothingIsAnEmptyCommand) {
  EXPECT_EQ(command("").node, nullptr);
  EXPECT_EQ(command("   \t ").node, nullptr);
  EXPECT_EQ(command("# note").node, nullptr);
}

TEST_F(Parser, OpenQuotesAndEndlessLinesAreErrors) {
  EXPECT_EQ(error("show port \"gr").offset, 10U);
  EXPECT_THAT(error(std::string(5000, 'x')).message, HasSubstr("longer than"));
}

TEST_F(Parser, TheCaretStandsUnderTheWrongWord) {
  EXPECT_EQ(caret_message("show prt", error("show prt")),
            "show prt\n"
            "     ^ \"prt\": expected one of port, pool, number\n");
  EXPECT_THAT(caret_message("show", error("show")), HasSubstr("show\n     ^ incomplete"));
  // A byte that is shown as four moves the caret along.
  EXPECT_THAT(caret_message("show port \x01 prt", error("show port \x01 prt")),
              HasSubstr("show port \\x01 prt\n               ^ "));
}

TEST(CommandTree, EveryCommandHasHelpAndLeadsSomewhere) {
  const std::function<void(const Node&, const std::string&)> check = [&](const Node& node,
                                                                         const std::string& path) {
    EXPECT_TRUE(node.action != Node::Action::kNone || !node.children.empty()) << path;
    EXPECT_EQ(node.action == Node::Action::kShow, node.handler != nullptr) << path;
    for (const Node& child : node.children) {
      EXPECT_FALSE(child.help.empty()) << path << ' ' << child.word;
      check(child, path + ' ' + child.word);
    }
  };
  check(command_tree(), "");
}

TEST(CommandTree, CommandsOfTheManualAreAccepted) {
  for (const char* line : {"help",
                           "?",
                           "help show port",
                           "show version",
                           "show port",
                           "show port green-1",
                           "show port green-1 stats",
                           "show port green-1 drops",
                           "show neighbor",
                           "show neighbor vni 1001",
                           "show neighbor 10.1.0.12",
                           "show neighbor 2001:db8::1",
                           "show route",
                           "show route 7",
                           "show segment",
                           "show dhcp",
                           "show drops",
                           "show drops all",
                           "show drops port green-1",
                           "show worker",
                           "show vhost",
                           "show xdp",
                           "show offload",
                           "set offload on",
                           "set offload off",
                           "show graph",
                           "show graph dot",
                           "show underlay",
                           "show tables",
                           "show config",
                           "show event",
                           "show goal-state",
                           "show goal-state vpc",
                           "show goal router",
                           "show slices",
                           "show slice tenant-1",
                           "watch 2 show port",
                           "watch 0.5 sh drops all",
                           "quit",
                           "exit"}) {
    EXPECT_TRUE(std::holds_alternative<Command>(parse_line(command_tree(), line))) << line;
  }
}

TEST(CommandTree, ArgumentsAreChecked) {
  for (const char* line :
       {"show neighbor vni 0", "show neighbor vni 16777216", "show neighbor vni x",
        "show neighbor 10.1.0.256", "show route x", "show route -1", "watch 0 show port",
        "watch x show port", "watch nan show port", "watch inf show port", "watch 1",
        "watch 1 quit", "quit now"}) {
    EXPECT_TRUE(std::holds_alternative<ParseError>(parse_line(command_tree(), line))) << line;
  }
}

}  // namespace
}  // namespace alkaid::console
