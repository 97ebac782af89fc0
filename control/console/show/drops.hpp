// show drops [all | port ID], show port ID drops: packets dropped by port and reason.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_drops(Clients& clients, const Arguments& arguments);
// Also the reasons that have not occurred.
Answer show_all_drops(Clients& clients, const Arguments& arguments);

Display drops_display(const dataplane::v1::ShowDropsResponse& response);

}  // namespace alkaid::console
