// The words of commands that change which worker does what.
#pragma once

#include "control/console/command_tree.hpp"

namespace alkaid::console {

// "port" and "worker" below set.
Node set_port_node();
Node set_worker_node();

}  // namespace alkaid::console
