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

}  // namespace

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
      auto* packet = static_cast<rte_mbuf*>(packets[base + i]);
      const Port& port = *context_of(packet).ingress;
      edges[i] = Next::to<NodeId::kGuestInput>().edge();
      if (packet->data_len < sizeof(EthernetHeader)) [[unlikely]] {
        continue;
      }
      const BigEndian16 type = header_at<EthernetHeader>(packet, 0).type;
      if (type == BigEndian16{ether_type::kIpv4}) [[likely]] {
        add(v4, packet, i, port);
      } else if (type == BigEndian16{ether_type::kIpv6}) {
        add(v6, packet, i, port);
      }
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
