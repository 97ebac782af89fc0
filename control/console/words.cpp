#include "control/console/words.hpp"

#include <algorithm>

namespace alkaid::console {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

WordList split_words(std::string_view line) {
  WordList result;
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_blank(line[at])) {
      ++at;
    }
    if (at == line.size() || line[at] == '#') {
      return result;
    }
    Word word;
    word.offset = at;
    if (line[at] == '|') {
      word.text = "|";
      ++at;
    } else {
      char quote = 0;
      for (; at < line.size() && (quote != 0 || (!is_blank(line[at]) && line[at] != '|')); ++at) {
        const char c = line[at];
        if (quote == 0 && (c == '"' || c == '\'')) {
          quote = c;
          word.quoted = true;
        } else if (quote != 0 && c == quote) {
          quote = 0;
        } else if (quote == '"' && c == '\\' && at + 1 < line.size()) {
          word.text += line[++at];
        } else {
          word.text += c;
        }
      }
      result.open_quote = quote != 0;
    }
    word.length = at - word.offset;
    result.words.push_back(std::move(word));
  }
}

std::string quote_word(std::string_view word) {
  const bool plain =
      !word.empty() && word.front() != '#' && std::none_of(word.begin(), word.end(), [](char c) {
        return is_blank(c) || c == '|' || c == '"' || c == '\'';
      });
  if (plain) {
    return std::string{word};
  }
  std::string result = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') {
      result += '\\';
    }
    result += c;
  }
  return result + '"';
}

}  // namespace alkaid::console
