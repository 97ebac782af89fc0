// The overview of commands.
#pragma once

#include <variant>
#include <vector>

#include "control/console/command_tree.hpp"
#include "control/console/parser.hpp"

namespace alkaid::console {

// The commands that begin with `words` ("show port"); all without words.
std::variant<Display, ParseError> help_display(const Node& root, const std::vector<Word>& words);

}  // namespace alkaid::console
