#include "dataplane/underlay/reassemble_node.hpp"

#include <rte_cycles.h>

#include "dataplane/underlay/reassembler.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

std::uint16_t ReassembleNode::process(rte_graph* graph, rte_node* node, void** packets,
                                      std::uint16_t count) {
  Worker& worker = worker_of(node);
  Reassembler& reassembler = *worker.reassembler();
  const std::uint64_t now = rte_rdtsc();
  for (std::uint16_t i = 0; i < count; ++i) {
    auto* fragment = static_cast<rte_mbuf*>(packets[i]);
    const PacketContext context = context_of(fragment);
    rte_mbuf* whole = reassembler.take(fragment, context.headers.l3_offset,
                                       context.headers.kind == FrameHeaders::Kind::kIpv6, now);
    if (whole == nullptr) {
      continue;
    }
    // In one buffer where it fits: not every driver sends chains.
    static_cast<void>(rte_pktmbuf_linearize(whole));
    PacketContext& whole_context = context_of(whole);
    whole_context = PacketContext{};
    whole_context.ingress = context.ingress;
    rte_node_enqueue_x1(graph, node, Next::to<NodeId::kUnderlayInput>().edge(), whole);
  }
  worker.count_given_up_fragments();
  return count;
}

}  // namespace alkaid
