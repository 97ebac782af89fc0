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
  void* burst[kInjectBurst];
  const unsigned count =
      rte_ring_sc_dequeue_burst(worker.inject_ring(), burst, kInjectBurst, nullptr);
  if (count == 0) {
    return 0;
  }
  // Pointers in a context are valid in the walk that set them; indexes outlive it.
  for (unsigned i = 0; i < count; ++i) {
    PacketContext& context = context_of(static_cast<rte_mbuf*>(burst[i]));
    context.ingress = nullptr;
    context.segment = nullptr;
    context.tunnel = nullptr;
  }
  rte_node_enqueue(graph, node, Next::to<NodeId::kPortTx>().edge(), burst,
                   static_cast<std::uint16_t>(count));
  worker.count_received(count);
  return static_cast<std::uint16_t>(count);
}

}  // namespace alkaid
