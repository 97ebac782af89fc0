// show neighbor, route and segment: what the agent programmed for forwarding.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/common/net/ip_address.hpp"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Answer show_neighbors(Clients& clients, const Arguments& arguments);
Answer show_routes(Clients& clients, const Arguments& arguments);
Answer show_segments(Clients& clients, const Arguments& arguments);

struct Neighbor {
  std::uint32_t vni = 0;
  IpAddress ip;
  std::uint64_t mac = 0;
  IpAddress vtep;
};

// Appends a batch's rows; with `only`, those of that address.
void append(std::vector<Neighbor>& neighbors, const dataplane::v1::NeighborBatch& batch,
            const std::optional<IpAddress>& only);

// In the order of their keys, as numbers: 10.0.0.9 before 10.0.0.10.
Display neighbors_display(std::vector<Neighbor> neighbors);
Display routes_display(std::vector<dataplane::v1::Route> routes);
Display segments_display(std::vector<dataplane::v1::Segment> segments);

}  // namespace alkaid::console
