// show version: both processes of an instance.
#pragma once

#include "alkaid/agent/v1/agent.pb.h"
#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

// Shows what answers. A missing agent is shown as such (the data plane goes on without it), a
// missing data plane is a failure as well.
Answer show_version(Clients& clients, const Arguments& arguments);

Section dataplane_section(const dataplane::v1::GetInfoResponse& info);
Section agent_section(const agent::v1::GetConfigResponse& config);

}  // namespace alkaid::console
