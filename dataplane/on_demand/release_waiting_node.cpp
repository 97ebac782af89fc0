#include "dataplane/on_demand/release_waiting_node.hpp"

#include "dataplane/on_demand/worker_waiting.hpp"
#include "dataplane/packet/link_local.hpp"
#include "dataplane/route/gateway_address.hpp"
#include "dataplane/route/route_or_bridge.hpp"
#include "dataplane/tables/segment_table.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

using Next = ReleaseWaitingNode::Next;

Verdict resume_fragment(Worker& worker, rte_mbuf* packet, PacketContext& context) {
  const Port& port = *context.ingress;
  const FrameHeaders::Kind kind = context.headers.kind;
  const Segment* segment = worker.tables().segments.at(port.zone_of(kind));
  if (!port.admin_up) {
    return drop(DropReason::port_admin_down);
  }
  if (segment == nullptr) {
    return drop(DropReason::segment_unknown);
  }
  if (port.source_guard != nullptr) {
    const DropReason spoofed = port.source_guard->check(
        bytes_of(packet), context.headers,
        {segment->gateway_v6, link_local_address(router_mac_v6(*segment))});
    if (spoofed != DropReason::kNone) {
      return drop(spoofed);
    }
  }
  context.segment = segment;
  context.vni = port.vni_of(kind);
  begin_flow(packet, port.zone_of(kind));
  return route_or_bridge<Next>(
      header_at<EthernetHeader>(packet, 0),
      kind == FrameHeaders::Kind::kIpv6 ? segment->gateway_v6_mac : segment->gateway_v4_mac);
}

Verdict resume(Worker& worker, rte_mbuf* packet) {
  PacketContext& context = context_of(packet);
  const Port* port = worker.ports().find(context.egress);
  const bool is_there = port != nullptr && port->generation == context.egress_generation;
  const FrameHeaders headers = context.headers;
  context = PacketContext{};
  if (!is_there) {
    return drop(DropReason::awaited_port_gone);
  }
  context.ingress = port;
  context.patience = Patience::kHasWaited;
  if (headers.is_fragment) {
    context.headers = headers;
    return resume_fragment(worker, packet, context);
  }
  return Next::to<NodeId::kGuestInput>();
}

}  // namespace

std::uint16_t ReleaseWaitingNode::process(rte_graph* graph, rte_node* node, void** /*packets*/,
                                          std::uint16_t /*count*/) {
  Worker& worker = worker_of(node);
  WorkerWaiting& waiting = worker.waiting();
  if (!waiting.has_work()) [[likely]] {
    return 0;
  }
  void* burst[WorkerWaiting::kMostAtOnce];
  rte_edge_t edges[WorkerWaiting::kMostAtOnce];
  std::uint16_t count = 0;
  waiting.release(worker.now(), [&](rte_mbuf* packet) {
    const Verdict verdict = resume(worker, packet);
    context_of(packet).drop_reason = verdict.reason();
    burst[count] = packet;
    edges[count++] = verdict.edge();
  });
  if (count > 0) {
    enqueue_runs(graph, node, burst, edges, count);
    worker.count_received(count);
  }
  return count;
}

}  // namespace alkaid
