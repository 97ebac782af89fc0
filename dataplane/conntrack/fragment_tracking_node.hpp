#pragma once

#include <cstdint>

#include "dataplane/graph/node.hpp"

namespace alkaid {

// Tells later fragments of tenants' packets what the first one said: protocol and ports, in
// FrameHeaders, also of ICMP queries (icmp_query_ports). Those that come before the first one wait
// here; those that overlap are dropped. Then routes or bridges, as the node before would have.
// Comes behind `guest-input` and `decapsulate`, for fragments only.
struct FragmentTrackingNode {
  static constexpr NodeId kId = NodeId::kFragmentTracking;
  static constexpr const char* kDescription = "finds out what fragments belong to";
  using Next = NextNodes<NodeId::kBridge, NodeId::kRoute>;
  static std::uint16_t process(rte_graph* graph, rte_node* node, void** packets,
                               std::uint16_t count);
};

class FragmentTracker;

// The worker's thread, between walks: frees and counts what has waited in vain; `now`: TSC. Visits
// a few buckets of the table.
void drop_orphaned_fragments(Worker& worker, std::uint64_t now);

// Control thread, when no worker is left.
void free_waiting_fragments(FragmentTracker& tracker);

}  // namespace alkaid
