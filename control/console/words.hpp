// A command line cut into words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace alkaid::console {

struct Word {
  std::string text;        // quotes and backslashes resolved
  std::size_t offset = 0;  // of its first byte in the line
  std::size_t length = 0;  // in the line, quotes included
  bool quoted = false;     // a quoted | is text
};

struct WordList {
  std::vector<Word> words;
  bool open_quote = false;  // the last word's quote is not closed
};

// Words are separated by blanks; "..." and '...' keep blanks, inside "..." a backslash keeps the
// next byte. An unquoted | is a word by itself. A word that begins with # ends the line (comment).
WordList split_words(std::string_view line);

// A word as it must be typed for split_words to give it back.
std::string quote_word(std::string_view word);

}  // namespace alkaid::console
