// All tables that the agent feeds, together.
#pragma once

#include <cstdint>

#include "dataplane/flood/flood_table.hpp"
#include "dataplane/rcu/quiescence.hpp"
#include "dataplane/tables/dhcp_binding_table.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "dataplane/tables/route_table.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// Entries, fixed at start: memory is taken then and never by a packet.
struct TableSizes {
  std::uint32_t segments = 4096;
  std::uint32_t neighbors = 131072;
  std::uint32_t routes = 16384;
  std::uint32_t dhcp_bindings = 16384;
  std::uint32_t ports = 16384;
};

struct Tables {
  Tables(const TableSizes& sizes, QuiescenceDomain& quiescence)
      : routes(sizes.routes, quiescence),
        segments(sizes.segments, quiescence),
        // A port claims its MAC in at most two segments, and another one's while it changes; and
        // those of its allowed pairs.
        neighbors(sizes.neighbors, 4 * sizes.ports + 2, quiescence),
        dhcp_bindings(sizes.dhcp_bindings, quiescence),
        flood(sizes.segments, quiescence) {}

  RouteTable routes;
  SegmentTable segments;
  NeighborTable neighbors;
  DhcpBindingTable dhcp_bindings;
  FloodTable flood;
};

}  // namespace alkaid
