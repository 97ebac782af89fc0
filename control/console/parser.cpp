#include "control/console/parser.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "control/common/logging.hpp"
#include "control/common/text_table.hpp"

namespace alkaid::console {
namespace {

constexpr std::size_t kLongestLine = 4096;

std::string expected_words(const Node& node) {
  std::string result;
  for (const Node& child : words_after(node)) {
    result += (result.empty() ? "" : ", ") + child.word;
  }
  return result;
}

ParseError unknown(const Node& node, const Word& word, std::string_view why) {
  const std::string shown = printable(word.text, 64);
  if (!why.empty()) {
    return {word.offset, fmt::format("\"{}\": expected {}", shown, why)};
  }
  if (words_after(node).empty()) {
    return {word.offset, fmt::format("\"{}\": expected the end of the command here", shown)};
  }
  return {word.offset,
          fmt::format("\"{}\": expected {}{}", shown,
                      words_after(node).size() == 1 ? "" : "one of ", expected_words(node))};
}

// Takes "| grep PATTERN" off the end.
std::optional<ParseError> take_grep(std::vector<Word>& words, std::size_t end, Command& command) {
  const auto bar = std::find_if(words.begin(), words.end(),
                                [](const Word& word) { return word.text == "|" && !word.quoted; });
  if (bar == words.end()) {
    return std::nullopt;
  }
  const auto after = static_cast<std::size_t>(words.end() - bar) - 1;
  if (after == 0) {
    return ParseError{end, "expected grep PATTERN"};
  }
  if (!std::string_view{"grep"}.starts_with(bar[1].text) || bar[1].text.empty()) {
    return ParseError{bar[1].offset,
                      fmt::format("\"{}\": expected grep", printable(bar[1].text, 64))};
  }
  if (after == 1) {
    return ParseError{end, "expected PATTERN, a regular expression"};
  }
  if (after > 2) {
    return ParseError{
        bar[3].offset,
        fmt::format("\"{}\": expected the end of the command; quote a pattern with blanks",
                    printable(bar[3].text, 64))};
  }
  command.grep = bar[2].text;
  words.erase(bar, words.end());
  return std::nullopt;
}

}  // namespace

std::variant<const Node*, ParseError> match_child(const Node& node, const Word& word) {
  std::string argument_wants;
  std::vector<const Node*> prefixed;
  const Node* argument = nullptr;
  for (const Node& child : words_after(node)) {
    if (child.kind != Node::Kind::kKeyword) {
      const auto wants = child.check == nullptr ? std::nullopt : child.check(word.text);
      if (wants) {
        argument_wants = *wants;
      } else {
        argument = &child;
      }
    } else if (child.word == word.text) {
      return &child;
    } else if (!word.text.empty() && child.word.starts_with(word.text)) {
      prefixed.push_back(&child);
    }
  }
  if (argument != nullptr) {
    return argument;
  }
  if (prefixed.size() == 1) {
    return prefixed.front();
  }
  if (prefixed.empty()) {
    return unknown(node, word, words_after(node).size() == 1 ? argument_wants : "");
  }
  std::string meanings;
  for (const Node* candidate : prefixed) {
    meanings += (meanings.empty() ? "" : ", ") + candidate->word;
  }
  return ParseError{word.offset,
                    fmt::format("\"{}\" is ambiguous: {}", printable(word.text, 64), meanings)};
}

std::variant<Command, ParseError> parse_line(const Node& root, std::string_view line) {
  if (line.size() > kLongestLine) {
    return ParseError{0, fmt::format("the line is longer than {} bytes", kLongestLine)};
  }
  auto [words, open_quote] = split_words(line);
  if (open_quote) {
    return ParseError{words.back().offset, "the quote that begins here is not closed"};
  }
  if (words.empty()) {
    return Command{};
  }
  const std::size_t end = words.back().offset + words.back().length;
  Command command;
  if (auto error = take_grep(words, end, command)) {
    return *error;
  }
  const auto json = std::remove_if(words.begin(), words.end(), [](const Word& word) {
    return word.text == "--json" && !word.quoted;
  });
  command.json = json != words.end();
  words.erase(json, words.end());

  const Node* node = &root;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto match = match_child(*node, words[i]);
    if (auto* error = std::get_if<ParseError>(&match)) {
      return *error;
    }
    node = std::get<const Node*>(match);
    if (node->kind == Node::Kind::kRest) {
      for (; i < words.size(); ++i) {
        auto& text = command.arguments[node->word];
        text += text.empty() ? "" : " ";
        text += quote_word(words[i].text);
        command.rest.push_back(words[i]);
      }
    } else if (node->kind == Node::Kind::kArgument) {
      if (!command.arguments.emplace(node->word, words[i].text).second) {
        return ParseError{words[i].offset, fmt::format("{} is given twice", node->word)};
      }
    }
  }
  if (node->action == Node::Action::kNone) {
    const std::size_t missing = words.empty() ? 0 : words.back().offset + words.back().length + 1;
    return ParseError{missing, fmt::format("incomplete command: expected {}{}",
                                           words_after(*node).size() == 1 ? "" : "one of ",
                                           expected_words(*node))};
  }
  command.node = node;
  return command;
}

std::string caret_message(std::string_view line, const ParseError& error) {
  const std::string before = printable(line.substr(0, error.offset), kLongestLine);
  const std::size_t column =
      display_width(before) + (error.offset > line.size() ? error.offset - line.size() : 0);
  return fmt::format("{}\n{}^ {}\n", printable(line, kLongestLine), std::string(column, ' '),
                     error.message);
}

}  // namespace alkaid::console
