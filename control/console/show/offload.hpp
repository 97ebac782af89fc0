// show offload: what network cards forward, and why they don't.
#pragma once

#include "alkaid/dataplane/v1/offload.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_offload(Clients& clients, const Arguments& arguments);

Display offload_display(const dataplane::v1::ShowOffloadResponse& response);

}  // namespace alkaid::console
