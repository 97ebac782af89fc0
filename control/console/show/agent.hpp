// show config and show event: what the agent was asked for and what became of it.
#pragma once

#include <vector>

#include "alkaid/agent/v1/agent.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_config(Clients& clients, const Arguments& arguments);
// The events that the agent remembers.
Answer show_events(Clients& clients, const Arguments& arguments);

Display config_display(const agent::v1::GetConfigResponse& config);
Display events_display(const std::vector<agent::v1::Event>& events);

}  // namespace alkaid::console
