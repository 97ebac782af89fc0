// show goal-state: what the agent remembers of VPCs, subnets, routers, gateways, security groups.
#pragma once

#include "alkaid/agent/v1/agent.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_goal_state(Clients& clients, const Arguments& arguments);
Answer show_vpcs(Clients& clients, const Arguments& arguments);
Answer show_subnets(Clients& clients, const Arguments& arguments);
Answer show_routers(Clients& clients, const Arguments& arguments);
Answer show_gateways(Clients& clients, const Arguments& arguments);
Answer show_security_groups(Clients& clients, const Arguments& arguments);

// type: of the request; only its sections are shown.
Display goal_state_display(const agent::v1::GetGoalStateResponse& state, const std::string& type);

}  // namespace alkaid::console
