#include "dataplane/flow/connect_node.hpp"

#include "dataplane/flow/connect_prefetch.hpp"
#include "dataplane/flow/connector.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

Verdict ConnectNode::verdict_of(DropReason reason, const PacketContext& context) {
  if (reason != DropReason::kNone) [[unlikely]] {
    return drop(reason);
  }
  return context.egress != kNoPort ? Next::to<NodeId::kDeliver>()
                                   : Next::to<NodeId::kEncapsulate>();
}

Verdict ConnectNode::decide(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const DropReason reason = context.headers.kind == FrameHeaders::Kind::kIpv6
                                ? Connector<FlowKeyV6>(worker, packet, context).connect()
                                : Connector<FlowKeyV4>(worker, packet, context).connect();
  return verdict_of(reason, context);
}

std::uint16_t ConnectNode::process(rte_graph* graph, rte_node* node, void** packets,
                                   std::uint16_t count) {
  Worker& worker = worker_of(node);
  for (std::uint16_t i = 0; i < count; ++i) {
    prefetch_connection(worker, static_cast<rte_mbuf*>(packets[i]));
  }
  worker.own_flows<FlowKeyV4>().prefetch_free(count);
  return process_burst<ConnectNode>(graph, node, packets, count);
}

}  // namespace alkaid
