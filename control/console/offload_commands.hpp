// The words of the command that gives connections to network cards, or takes them back.
#pragma once

#include "control/console/command_tree.hpp"

namespace alkaid::console {

// "offload" below set.
Node set_offload_node();

}  // namespace alkaid::console
