// show port [ID [stats | drops]].
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_ports(Clients& clients, const Arguments& arguments);
Answer show_port(Clients& clients, const Arguments& arguments);
Answer show_port_stats(Clients& clients, const Arguments& arguments);

// Style kTable or kRecords.
Display ports_display(const dataplane::v1::ShowPortsResponse& response, Section::Style style);
Display port_stats_display(const dataplane::v1::ShowPortsResponse& response);

}  // namespace alkaid::console
