#include "dataplane/ports/port_rx_node.hpp"

#include "dataplane/ports/ethernet_bursts.hpp"
#include "dataplane/ports/transmit_lock.hpp"
#include "dataplane/vhost/vhost_polls.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint16_t kRxBurst = 64;

rte_edge_t edge_for(const Port& port, bool is_fast) {
  using Next = PortRxNode::Next;
  if (is_fast) [[likely]] {
    return port.is_uplink ? Next::to<NodeId::kWireFlow>().edge()
                          : Next::to<NodeId::kGuestFlow>().edge();
  }
  return port.is_uplink      ? Next::to<NodeId::kUnderlayInput>().edge()
         : port.is_exception ? Next::to<NodeId::kExceptionInput>().edge()
         : port.is_trunk()   ? Next::to<NodeId::kVlanInput>().edge()
                             : Next::to<NodeId::kGuestInput>().edge();
}

}  // namespace

std::uint16_t PortRxNode::process(rte_graph* graph, rte_node* node, void** /*packets*/,
                                  std::uint16_t /*count*/) {
  Worker& worker = worker_of(node);
  std::uint16_t received = 0;
  for (const PolledQueue& polled : worker.poll_list().queues) {
    const Port* port = worker.ports().find(polled.port);
    if (port == nullptr || port->device.ethdev == kNoEthdev) {
      continue;
    }
    rte_mbuf* burst[kRxBurst];
    const std::uint16_t count = receive_burst(port->device.ethdev, polled.queue, burst, kRxBurst);
    if (count == 0) {
      continue;
    }
    // A guest that has just switched its link on is answered before the control thread knows of it.
    if (auto& out = transmit_lock_of(port->device.ethdev);
        out.is_cut_off.load(std::memory_order_relaxed)) [[unlikely]] {
      out.is_cut_off.store(false, std::memory_order_relaxed);
    }
    const bool is_fast =
        worker.flows().settings.fast_path && !port->is_exception && !port->is_trunk();
    std::uint64_t bytes = 0;
    for (std::uint16_t i = 0; i < count; ++i) {
      // The fast path needs only the port; whoever leaves it gets the rest there.
      if (!is_fast) [[unlikely]] {
        context_of(burst[i]) = PacketContext{};
      }
      context_of(burst[i]).ingress = port;
      bytes += burst[i]->pkt_len;
    }
    PortCounters& counters = worker.counters_of(port);
    counters.rx_packets.add(count);
    counters.rx_bytes.add(bytes);
    rte_node_enqueue(graph, node, edge_for(*port, is_fast), reinterpret_cast<void**>(burst), count);
    received = static_cast<std::uint16_t>(received + count);
  }
  if (VhostPollSet* guests = vhost_polls_of(worker.settings().index)) [[unlikely]] {
    received = static_cast<std::uint16_t>(
        received + receive_from_guests(graph, node, worker, *guests, received > 0));
  }
  worker.count_received(received);
  return received;
}

}  // namespace alkaid
