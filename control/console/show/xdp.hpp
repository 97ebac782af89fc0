// show xdp: devices that are shared with the host's kernel by AF_XDP.
#pragma once

#include "alkaid/dataplane/v1/xdp.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_xdp(Clients& clients, const Arguments& arguments);

Display xdp_display(const dataplane::v1::ShowXdpResponse& response);

}  // namespace alkaid::console
