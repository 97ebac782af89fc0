// Questions for a station that nobody here knows.
#pragma once

#include "dataplane/flood/flood_table.hpp"
#include "dataplane/graph/node.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// Where a segment replicates, somebody unknown to the agent may know; elsewhere a drop for
// `reason`.
template <class Next>
Verdict ask_everybody(const FloodTable& flood, const PacketContext& context, DropReason reason) {
  return flood.find(context.segment->zone) != nullptr ? Next::template to<NodeId::kFlood>()
                                                      : drop(reason);
}

}  // namespace alkaid
