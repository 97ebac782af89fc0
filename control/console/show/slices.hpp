// show slices: named parts of the desired state, and who has what of them.
#pragma once

#include "alkaid/agent/v1/agent.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_slices(Clients& clients, const Arguments& arguments);

Display slices_display(const agent::v1::GetSlicesResponse& response);

}  // namespace alkaid::console
