// show worker and show graph: where the data plane's time goes.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "alkaid/dataplane/v1/placement.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_workers(Clients& clients, const Arguments& arguments);
Answer show_graph(Clients& clients, const Arguments& arguments);
// Graphviz text.
Answer show_graph_dot(Clients& clients, const Arguments& arguments);

Display workers_display(const dataplane::v1::ShowWorkersResponse& response,
                        const dataplane::v1::GetPlacementResponse& placement);
Display graph_display(const dataplane::v1::ShowGraphResponse& response);

}  // namespace alkaid::console
