// show vhost: guests by vhost-user, what their drivers take and what was put together for them.
#pragma once

#include "alkaid/dataplane/v1/vhost.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_vhost(Clients& clients, const Arguments& arguments);

Display vhost_display(const dataplane::v1::ShowVhostResponse& response);

}  // namespace alkaid::console
