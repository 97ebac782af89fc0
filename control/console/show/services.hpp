// show dhcp, show underlay and show tables.
#pragma once

#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

// What DHCP hands out and what it has done.
Answer show_dhcp(Clients& clients, const Arguments& arguments);
// Next hops and tunnels of the underlay.
Answer show_underlay(Clients& clients, const Arguments& arguments);
// How full the data plane's tables are.
Answer show_tables(Clients& clients, const Arguments& arguments);

// In the order of VNI and MAC.
Section dhcp_bindings_section(std::vector<dataplane::v1::DhcpBinding> bindings);
Section dhcp_counters_section(const dataplane::v1::ShowDhcpResponse& response);
Display underlay_display(const dataplane::v1::ShowUnderlayResponse& response);
Display tables_display(const dataplane::v1::ShowTablesResponse& response);

}  // namespace alkaid::console
