// show, flush and set conntrack: connections, their counts and time-outs.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_connections(Clients& clients, const Arguments& arguments);
Answer show_connection_summary(Clients& clients, const Arguments& arguments);
Answer show_connection_timeouts(Clients& clients, const Arguments& arguments);
Answer flush_connections(Clients& clients, const Arguments& arguments);
Answer set_connection_timeout(Clients& clients, const Arguments& arguments);

// Arguments of a filter: ID, VNI, PREFIX, PROTOCOL, L4-PORT, STATE, GROUP; each was checked.
dataplane::v1::ConnectionFilter connection_filter(const Arguments& arguments);

// An empty section for append().
Section connections_section();
void append(Section& section, const dataplane::v1::ConnectionInfo& connection);
Display connection_summary_display(const dataplane::v1::ShowConnectionSummaryResponse& response);
Display connection_timeouts_display(const dataplane::v1::ShowConnectionSummaryResponse& response);

}  // namespace alkaid::console
