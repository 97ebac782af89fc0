#include "dataplane/ports/inject_node.hpp"

#include <rte_ring.h>

#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr unsigned kInjectBurst = 64;

}  // namespace

std::uint16_t InjectNode::process(rte_graph* graph, rte_node* node, void** /*packets*/,
                                  std::uint16_t /*count*/) {
  Worker& worker = worker_of(node);
  void* burst[kInjectBurst] = {};
  const unsigned count = rte_ring_dequeue_burst(worker.inject_ring(), burst, kInjectBurst, nullptr);
  if (count == 0) {
    return 0;
  }
  rte_edge_t edges[kInjectBurst];
  for (unsigned i = 0; i < count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(burst[i]);
    PacketContext& context = context_of(packet);
    // Pointers in a context are valid in the walk that set them; indexes outlive it, but by now the
    // index may belong to another port.
    context.ingress = nullptr;
    context.segment = nullptr;
    context.tunnel = nullptr;
    const Port* port = worker.ports().find(context.egress);
    const Verdict verdict = port != nullptr && port->generation == context.egress_generation
                                ? Next::to<NodeId::kPortTx>()
                                : drop(DropReason::egress_port_down);
    context.drop_reason = verdict.reason();
    edges[i] = verdict.edge();
  }
  enqueue_runs(graph, node, burst, edges, static_cast<std::uint16_t>(count));
  worker.count_received(count);
  return static_cast<std::uint16_t>(count);
}

}  // namespace alkaid
