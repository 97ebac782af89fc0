#include "dataplane/flood/flood_node.hpp"

#include "dataplane/flood/flood_receivers.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

using Next = FloodNode::Next;

// Of one call: the library counts the packets of a node's stream in 16 bits, and the pool is shared
// with everything else that the worker does.
constexpr unsigned kMostCopies = 4096;

void send(rte_graph* graph, rte_node* node, rte_mbuf* packet, const Verdict& verdict) {
  context_of(packet).drop_reason = verdict.reason();
  rte_node_enqueue_x1(graph, node, verdict.edge(), packet);
}

// Whom a packet goes to, in turn. Every receiver but the last gets a copy, the last one the packet
// itself: encapsulation writes in front of it, so copies share nothing.
class Replication {
 public:
  Replication(rte_graph* graph, rte_node* node, rte_mbuf* packet, unsigned& budget)
      : graph_(graph),
        node_(node),
        worker_(worker_of(node)),
        packet_(packet),
        context_(context_of(packet)),
        budget_(budget) {}

  void add_port(PortIndex port) {
    send_copy();
    context_.egress = port;
    next_ = Next::to<NodeId::kDeliver>();
  }
  void add_tunnel(const Tunnel* tunnel) {
    send_copy();
    context_.tunnel = tunnel;
    next_ = Next::to<NodeId::kEncapsulate>();
  }
  // A segment may have nobody else.
  void finish() { send(graph_, node_, packet_, next_); }

  // One receiver that doesn't get it.
  void count_missing(DropReason reason) {
    worker_.counters_of(context_.ingress).drops[static_cast<std::size_t>(reason)].add(1);
  }

 private:
  // For the receiver that the context names, if there is one.
  void send_copy() {
    if (next_.edge() == Next::to<NodeId::kConsume>().edge()) {
      return;
    }
    if (budget_ == 0) {
      count_missing(DropReason::broadcast_rate_limited);
      return;
    }
    --budget_;
    rte_mbuf* copy = rte_pktmbuf_copy(packet_, worker_.pool(), 0, UINT32_MAX);
    if (copy == nullptr) {
      count_missing(DropReason::no_buffer);
      return;
    }
    context_of(copy) = context_;
    send(graph_, node_, copy, next_);
  }

  rte_graph* graph_;
  rte_node* node_;
  Worker& worker_;
  rte_mbuf* packet_;
  PacketContext& context_;
  unsigned& budget_;
  Verdict next_ = Next::to<NodeId::kConsume>();
};

void replicate(rte_graph* graph, rte_node* node, rte_mbuf* packet, unsigned& budget) {
  Worker& worker = worker_of(node);
  PacketContext& context = context_of(packet);
  FloodTable& flood = worker.tables().flood;
  const Zone zone = context.segment->zone;
  const ReplicationList* list = flood.find(zone);
  if (list == nullptr) {
    send(graph, node, packet, drop(DropReason::multicast_unsupported));
    return;
  }
  const FloodReceivers receivers(worker.ports(), packet, *list);
  if (receivers.sender_is_denied()) {
    send(graph, node, packet, drop(DropReason::policy_egress));
    return;
  }
  if (!flood.take_token(zone, *list, context.from_wire, worker.loop_time())) {
    send(graph, node, packet, drop(DropReason::broadcast_rate_limited));
    return;
  }
  Replication replication(graph, node, packet, budget);
  receivers.for_each_port(
      [&](const Port& port) { replication.add_port(port.index); },
      [&](const Port& /*port*/) { replication.count_missing(DropReason::policy_ingress); });
  receivers.for_each_tunnel([&](const Tunnel* tunnel) { replication.add_tunnel(tunnel); });
  replication.finish();
}

}  // namespace

std::uint16_t FloodNode::process(rte_graph* graph, rte_node* node, void** packets,
                                 std::uint16_t count) {
  unsigned budget = kMostCopies;
  for (std::uint16_t i = 0; i < count; ++i) {
    replicate(graph, node, static_cast<rte_mbuf*>(packets[i]), budget);
  }
  return count;
}

}  // namespace alkaid
