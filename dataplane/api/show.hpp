// What consoles look at. Control thread.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

void show_ports(Dataplane& dataplane, const dataplane::v1::ShowPortsRequest& request,
                dataplane::v1::ShowPortsResponse& response);
void show_drops(Dataplane& dataplane, const dataplane::v1::ShowDropsRequest& request,
                dataplane::v1::ShowDropsResponse& response);
void show_workers(Dataplane& dataplane, dataplane::v1::ShowWorkersResponse& response);
void show_graph(Dataplane& dataplane, dataplane::v1::ShowGraphResponse& response);
void show_dhcp(Dataplane& dataplane, dataplane::v1::ShowDhcpResponse& response);
void show_underlay(Dataplane& dataplane, dataplane::v1::ShowUnderlayResponse& response);
void show_tables(Dataplane& dataplane, dataplane::v1::ShowTablesResponse& response);

}  // namespace alkaid
