// show dhcp, show underlay and show tables.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

// What DHCP hands out and what it has done.
Answer show_dhcp(Clients& clients, const Arguments& arguments);
// Next hops and tunnels of the underlay.
Answer show_underlay(Clients& clients, const Arguments& arguments);
// How full the data plane's tables are.
Answer show_tables(Clients& clients, const Arguments& arguments);

Section dhcp_bindings_section();
void add_dhcp_binding(Section& section, const dataplane::v1::DhcpBinding& binding);
Section dhcp_counters_section(const dataplane::v1::ShowDhcpResponse& response);
Display underlay_display(const dataplane::v1::ShowUnderlayResponse& response);
Display tables_display(const dataplane::v1::ShowTablesResponse& response);

}  // namespace alkaid::console
