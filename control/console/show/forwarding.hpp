// show neighbor, route and segment: what the agent programmed for forwarding.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_neighbors(Clients& clients, const Arguments& arguments);
Answer show_routes(Clients& clients, const Arguments& arguments);
Answer show_segments(Clients& clients, const Arguments& arguments);

// Empty sections with their columns, and the rows of one batch; the neighbors may be those of one
// address ("" is every address), the routes those of one table.
Section neighbors_section();
void add_neighbors(Section& section, const dataplane::v1::NeighborBatch& batch,
                   const std::string& address);
Section routes_section();
void add_route(Section& section, const dataplane::v1::Route& route);
Section segments_section();
void add_segment(Section& section, const dataplane::v1::Segment& segment);

}  // namespace alkaid::console
