// From a line to the command that it means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/console/command_tree.hpp"
#include "control/console/words.hpp"

namespace alkaid::console {

struct Command {
  const Node* node = nullptr;  // nullptr: an empty line
  Arguments arguments;
  std::vector<Word> rest;  // of a kRest node
  bool json = false;       // --json
  std::optional<std::string> grep;
};

// What is wrong with a line, and where.
struct ParseError {
  std::size_t offset = 0;  // of the wrong word, or the end of the line if one is missing
  std::string message;
};

// `root` must outlive the result.
std::variant<Command, ParseError> parse_line(const Node& root, std::string_view line);

// The child of `node` that a word means. Order: a keyword spelled out, an argument that accepts the
// word, the only keyword that begins with it.
std::variant<const Node*, ParseError> match_child(const Node& node, const Word& word);

// The line, a caret under the wrong word, and the message; every line ends in '\n'.
std::string caret_message(std::string_view line, const ParseError& error);

}  // namespace alkaid::console
