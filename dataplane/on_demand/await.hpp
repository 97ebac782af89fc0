// How a node of the slow path lets a packet wait for its neighbor. Design:
// docs/design/on-demand.md.
#pragma once

#include "dataplane/graph/node.hpp"
#include "dataplane/on_demand/admission.hpp"
#include "dataplane/on_demand/worker_waiting.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// What a packet on its way to `await-neighbor` waits for. It lies where the flow's context was,
// which is made anew when the packet goes on.
inline AwaitedAddress& awaited_of(rte_mbuf* packet) {
  static_assert(sizeof(AwaitedAddress) <= RTE_CACHE_LINE_SIZE);
  return *reinterpret_cast<AwaitedAddress*>(static_cast<std::uint8_t*>(rte_mbuf_to_priv(packet)) +
                                            RTE_CACHE_LINE_SIZE);
}

// Whether a packet whose neighbor is missing waits for it. Only a guest's does: what comes out of a
// tunnel must find its station here.
inline bool may_await(Worker& worker, const PacketContext& context) {
  return worker.waiting().is_active() && !context.from_wire &&
         context.patience != Patience::kHasWaited;
}

// Whether earlier packets to a neighbor that is known by now have not gone yet: then this one waits
// behind them.
inline bool must_queue(Worker& worker, const PacketContext& context,
                       const AwaitedAddress& address) {
  return context.patience == Patience::kWaits && worker.waiting().holds_any() &&
         !context.from_wire &&
         worker.waiting().holds({address, {context.ingress->index, context.ingress->generation}});
}

template <class Next>
Verdict await(Worker& worker, rte_mbuf* packet, const PacketContext& context,
              const AwaitedAddress& address) {
  const DropReason reason = admit_to_wait(worker, packet, context);
  if (reason != DropReason::kNone) {
    return drop(reason);
  }
  awaited_of(packet) = address;
  return Next::template to<NodeId::kAwaitNeighbor>();
}

}  // namespace alkaid
