// The words of commands about connections.
#pragma once

#include "control/console/command_tree.hpp"

namespace alkaid::console {

// "conntrack" below show, flush and set.
Node show_conntrack_node();
Node flush_conntrack_node();
Node set_conntrack_node();

}  // namespace alkaid::console
