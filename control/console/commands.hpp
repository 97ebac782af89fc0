// All commands of the console.
#pragma once

#include "control/console/command_tree.hpp"

namespace alkaid::console {

// Name of the argument that makes a command a repeated one, in seconds.
inline constexpr std::string_view kWatchArgument = "SECONDS";

// Lives as long as the program.
const Node& command_tree();

}  // namespace alkaid::console
