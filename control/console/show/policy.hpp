// show port ID policy and show security-group: what is enforced, with the hits of every rule.
#pragma once

#include <string>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_port_policy(Clients& clients, const Arguments& arguments);
Answer show_enforced_groups(Clients& clients, const Arguments& arguments);

Display port_policy_display(const dataplane::v1::Port& port,
                            const dataplane::v1::ShowSecurityGroupsResponse& groups);
Display enforced_groups_display(const dataplane::v1::ShowSecurityGroupsResponse& groups);

}  // namespace alkaid::console
