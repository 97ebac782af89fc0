#include "dataplane/graph/drop_node.hpp"

#include "dataplane/worker/worker.hpp"

namespace alkaid {

std::uint16_t DropNode::process(rte_graph* /*graph*/, rte_node* node, void** packets,
                                std::uint16_t count) {
  Worker& worker = worker_of(node);
  auto** mbufs = reinterpret_cast<rte_mbuf**>(packets);
  for (std::uint16_t i = 0; i < count; ++i) {
    const PacketContext& context = context_of(mbufs[i]);
    worker.counters_of(context.ingress).drops[static_cast<std::size_t>(context.drop_reason)].add(1);
  }
  rte_pktmbuf_free_bulk(mbufs, count);
  return count;
}

}  // namespace alkaid
