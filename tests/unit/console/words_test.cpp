#include "control/console/words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace alkaid::console {
namespace {

std::vector<std::string> texts(std::string_view line) {
  std::vector<std::string> result;
  for (const Word& word : split_words(line).words) {
    result.push_back(word.text);
  }
  return result;
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Words, BlanksSeparateAndOffsetsPointIntoTheLine) {
  const auto words = split_words("  show\tport  green-1 ").words;
  ASSERT_EQ(words.size(), 3U);
  EXPECT_EQ(words[0].offset, 2U);
  EXPECT_EQ(words[1].offset, 7U);
  EXPECT_EQ(words[2].offset, 13U);
  EXPECT_EQ(words[2].text, "green-1");
  EXPECT_EQ(words[2].length, 7U);
}

TEST(Words, QuotesKeepBlanksAndBars) {
  EXPECT_THAT(texts(R"(a "b c" 'd|e' f"g h")"), ElementsAre("a", "b c", "d|e", "fg h"));
  EXPECT_THAT(texts(R"("a\"b\\c")"), ElementsAre(R"(a"b\c)"));
  EXPECT_THAT(texts(R"("")"), ElementsAre(""));
  EXPECT_TRUE(split_words("a \"b").open_quote);
  EXPECT_TRUE(split_words("\"").open_quote);
  EXPECT_FALSE(split_words("a \"b\"").open_quote);
}

TEST(Words, ABarIsAWord) {
  EXPECT_THAT(texts("show port|grep x"), ElementsAre("show", "port", "|", "grep", "x"));
  EXPECT_TRUE(split_words("'|'").words[0].quoted);
  EXPECT_FALSE(split_words("|").words[0].quoted);
}

TEST(Words, CommentsEndTheLine) {
  EXPECT_THAT(texts("# all of it"), IsEmpty());
  EXPECT_THAT(texts("show # rest"), ElementsAre("show"));
  EXPECT_THAT(texts("show a#b"), ElementsAre("show", "a#b"));
}

TEST(Words, QuotedWordsComeBack) {
  for (const std::string word :
       {"plain", "", "two words", "a|b", "quo\"te", "quo'te", "back\\ slash", "#x", "tab\tbed"}) {
    EXPECT_THAT(texts(quote_word(word)), ElementsAre(word)) << quote_word(word);
  }
}

}  // namespace
}  // namespace alkaid::console
