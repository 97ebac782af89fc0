// Questions for a station that nobody here knows.
#pragma once

#include "dataplane/flood/flood_table.hpp"
#include "dataplane/graph/node.hpp"
#include "dataplane/on_demand/await.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// Where a segment replicates, somebody unknown to the agent may know; elsewhere a drop for
// `reason`.
template <class Next>
Verdict ask_everybody(const FloodTable& flood, const PacketContext& context, DropReason reason) {
  return flood.find(context.segment->zone) != nullptr ? Next::template to<NodeId::kFlood>()
                                                      : drop(reason);
}

// The same for a guest's question: elsewhere it waits until the agent has asked, if it does.
template <class Next>
Verdict ask_or_await(Worker& worker, rte_mbuf* packet, const PacketContext& context,
                     const IpAddress& target, DropReason reason) {
  if (worker.tables().flood.find(context.segment->zone) == nullptr && may_await(worker, context)) {
    return await<Next>(worker, packet, context, {.ip = target, .vni = context.vni});
  }
  return ask_everybody<Next>(worker.tables().flood, context, reason);
}

}  // namespace alkaid
