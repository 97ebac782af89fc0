// All tables that the agent feeds, together.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "dataplane/flood/flood_table.hpp"
#include "dataplane/policy/rule_table.hpp"
#include "dataplane/policy/security_group_table.hpp"
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
  // Memory for hits is taken at start, for the rest as it is needed.
  std::uint32_t security_groups = 16384;
  std::uint32_t security_rules = 262144;
  std::uint32_t security_members = 1048576;  // of all groups together
};

struct Tables {
  Tables(const TableSizes& sizes, QuiescenceDomain& quiescence)
      : routes(sizes.routes, quiescence),
        segments(sizes.segments, quiescence),
        // A port claims its MAC in at most two segments, and another one's while it changes; and
        // those of its allowed pairs.
        neighbors(sizes.neighbors, 4 * sizes.ports + 2, quiescence),
        dhcp_bindings(sizes.dhcp_bindings, quiescence),
        flood(sizes.segments, quiescence),
        rules(sizes.security_rules, quiescence.workers(), retire_by(quiescence)),
        security_groups({.groups = sizes.security_groups, .members = sizes.security_members}, rules,
                        retire_by(quiescence)) {}

  RouteTable routes;
  SegmentTable segments;
  NeighborTable neighbors;
  DhcpBindingTable dhcp_bindings;
  FloodTable flood;
  RuleTable rules;
  SecurityGroupTable security_groups;

 private:
  static Retire retire_by(QuiescenceDomain& quiescence) {
    return [&quiescence](std::function<void()> release) { quiescence.retire(std::move(release)); };
  }
};

}  // namespace alkaid
