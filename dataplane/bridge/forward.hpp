// The last step of bridging and routing: from the neighbor to the node that reaches it.
#pragma once

#include "dataplane/graph/node.hpp"
#include "dataplane/tables/neighbor_table.hpp"

namespace alkaid {

// Sends a packet on to `neighbor`. A packet that came out of a tunnel is never put into another
// one: two hosts with stale state would send it to and fro.
template <class Next>
Verdict forward_to(const Neighbor& neighbor, PacketContext& context) {
  if (neighbor.is_local()) {
    context.egress = neighbor.port;
    return Next::template to<NodeId::kDeliver>();
  }
  if (context.from_wire) [[unlikely]] {
    return drop(DropReason::vxlan_not_local);
  }
  context.tunnel = neighbor.tunnel;
  return Next::template to<NodeId::kEncapsulate>();
}

// The same by way of connection tracking. slot: how the neighbor is found again; not set if there
// is none.
template <class Next>
Verdict connect_to(const Neighbor& neighbor, const NeighborSlot& slot, rte_mbuf* packet,
                   PacketContext& context) {
  if (neighbor.is_local()) {
    context.egress = neighbor.port;
  } else if (context.from_wire) [[unlikely]] {
    return drop(DropReason::vxlan_not_local);
  } else {
    context.tunnel = neighbor.tunnel;
  }
  flow_context_of(packet).hop = slot;
  return Next::template to<NodeId::kConnect>();
}

// Sends what we made in answer to a packet from the wire back into the station's tunnel. It goes
// where the agent says that the station is, not where the outer header said: an answer can't be
// aimed at a third host. `station`: source MAC of what is answered, in context.vni.
template <class Next>
Verdict answer_station(const NeighborTable& neighbors, const MacAddress& station,
                       PacketContext& context) {
  const Neighbor* neighbor = neighbors.find(context.vni, station);
  if (neighbor == nullptr || neighbor->tunnel == nullptr) {
    return drop(DropReason::asker_unknown);
  }
  context.tunnel = neighbor->tunnel;
  return Next::template to<NodeId::kEncapsulate>();
}

}  // namespace alkaid
