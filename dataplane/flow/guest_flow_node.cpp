#include "dataplane/flow/guest_flow_node.hpp"

#include <algorithm>

#include "dataplane/flow/flow_burst.hpp"
#include "dataplane/flow/hit_forwarding.hpp"
#include "dataplane/flow/quick_parse.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

template <class Key>
void add(FlowBurst<Key>& burst, rte_mbuf* packet, std::uint16_t position, const Port& port) {
  const auto bytes = bytes_of(packet);
  Key key;
  if (port.admin_up && quick_parse({bytes.data(), bytes.size(), packet->pkt_len}, key)) [[likely]] {
    burst.add(packet, bytes.data(), position, key, Key::kIsV6 ? port.zone_v6 : port.zone,
              Side::kGuest);
  }
}

// The slow path gets what is added to neither.
void add(FlowBurst<FlowKeyV4>& v4, FlowBurst<FlowKeyV6>& v6, rte_mbuf* packet,
         std::uint16_t position) {
  if (packet->data_len < sizeof(EthernetHeader)) [[unlikely]] {
    return;
  }
  const Port& port = *context_of(packet).ingress;
  const BigEndian16 type = header_at<EthernetHeader>(packet, 0).type;
  if (type == BigEndian16{ether_type::kIpv4}) [[likely]] {
    add(v4, packet, position, port);
  } else if (type == BigEndian16{ether_type::kIpv6}) {
    add(v6, packet, position, port);
  }
}

}  // namespace

bool GuestFlowNode::would_take(Worker& worker, rte_mbuf* packet) {
  FlowBurst<FlowKeyV4> v4(worker.flows(), worker.tables().neighbors);
  FlowBurst<FlowKeyV6> v6(worker.flows(), worker.tables().neighbors);
  add(v4, v6, packet, 0);
  const HitForwarding forwarding(worker, 0);
  bool is_taken = false;
  const auto look = [&](const auto& lane) { is_taken = forwarding.would_take_from_guest(lane); };
  v4.run(0, look);
  v6.run(0, look);
  return is_taken;
}

std::uint16_t GuestFlowNode::process(rte_graph* graph, rte_node* node, void** packets,
                                     std::uint16_t count) {
  Worker& worker = worker_of(node);
  const NeighborTable& neighbors = worker.tables().neighbors;
  const auto prefetch = [&](std::uint16_t i) {
    rte_prefetch0(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[i]), void*));
  };
  rte_edge_t edges[kFlowBurst];
  for (std::uint16_t base = 0; base < count; base += kFlowBurst) {
    const std::uint16_t size = std::min<std::uint16_t>(kFlowBurst, count - base);
    FlowBurst<FlowKeyV4> v4(worker.flows(), neighbors);
    FlowBurst<FlowKeyV6> v6(worker.flows(), neighbors);
    for (std::uint16_t i = 0; i < std::min(kPrefetchAhead, size); ++i) {
      prefetch(base + i);
    }
    for (std::uint16_t i = 0; i < size; ++i) {
      if (base + i + kPrefetchAhead < count) {
        prefetch(base + i + kPrefetchAhead);
      }
      edges[i] = Next::to<NodeId::kGuestInput>().edge();
      add(v4, v6, static_cast<rte_mbuf*>(packets[base + i]), i);
    }
    HitForwarding forwarding(worker, worker.now());
    const auto forward = [&](auto& lane) {
      if (forwarding.from_guest(lane)) [[likely]] {
        edges[lane.position] = Next::to<NodeId::kPortTx>().edge();
      }
    };
    v4.run(0, forward);
    v6.run(0, forward);
    leave_fast_path(packets + base, edges, size, Next::to<NodeId::kGuestInput>().edge());
    enqueue_runs(graph, node, packets + base, edges, size);
  }
  return count;
}

}  // namespace alkaid
