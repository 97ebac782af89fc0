#include "dataplane/ports/port_tx_node.hpp"

#include <algorithm>

#include "dataplane/ports/ethernet_bursts.hpp"
#include "dataplane/ports/transmit_lock.hpp"
#include "dataplane/vhost/vhost_device.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

void drop_all(rte_graph* graph, rte_node* node, void** packets, std::uint16_t count,
              DropReason reason) {
  if (count == 0) {
    return;
  }
  for (std::uint16_t i = 0; i < count; ++i) {
    context_of(static_cast<rte_mbuf*>(packets[i])).drop_reason = reason;
  }
  rte_node_enqueue(graph, node, drop(reason).edge(), packets, count);
}

// Sends packets that all go to one port.
void send(rte_graph* graph, rte_node* node, Worker& worker, PortIndex index, void** packets,
          std::uint16_t count) {
  const Port* port = worker.ports().find(index);
  if (!PortTxNode::can_send(port)) {
    drop_all(graph, node, packets, count, DropReason::egress_port_down);
    return;
  }
  auto** mbufs = reinterpret_cast<rte_mbuf**>(packets);
  // A sink has no queue that could have but one writer.
  const bool is_sink = port->device.ethdev == kNoEthdev;
  const bool has_queue = port->device.queue_per_worker;
  if (!is_sink && !has_queue && port->device.worker != worker.settings().index) {
    for (std::uint16_t i = 0; i < count; ++i) {
      context_of(mbufs[i]).egress_generation = port->generation;
    }
    const auto taken = static_cast<std::uint16_t>(worker.hand_over(*port, mbufs, count));
    drop_all(graph, node, packets + taken, static_cast<std::uint16_t>(count - taken),
             DropReason::egress_queue_full);
    return;
  }
  if (port->device.vlan != 0) [[unlikely]] {
    rte_node_enqueue(graph, node, PortTxNode::Next::to<NodeId::kVlanOutput>().edge(), packets,
                     count);
    return;
  }
  std::uint64_t bytes[kDecideChunk];
  for (std::uint16_t base = 0; base < count; base += kDecideChunk) {
    const std::uint16_t size =
        std::min<std::uint16_t>(kDecideChunk, static_cast<std::uint16_t>(count - base));
    for (std::uint16_t i = 0; i < size; ++i) {
      // A sent packet is no longer ours to read.
      bytes[i] = mbufs[base + i]->pkt_len;
    }
    std::uint16_t sent = size;
    if (is_sink) {
      rte_pktmbuf_free_bulk(mbufs + base, size);
    } else if (is_vhost(port->device.ethdev)) {
      VhostDevice* device = VhostDevice::find(port->device.ethdev);
      sent = device != nullptr ? device->send(mbufs + base, size) : std::uint16_t{0};
    } else {
      const TransmitGuard guard(port->device.ethdev);
      const auto queue = static_cast<std::uint16_t>(has_queue ? worker.settings().index : 0);
      sent = send_burst(port->device.ethdev, queue, mbufs + base, size);
    }
    std::uint64_t total = 0;
    for (std::uint16_t i = 0; i < sent; ++i) {
      total += bytes[i];
    }
    PortCounters& counters = worker.counters_of(port);
    counters.tx_packets.add(sent);
    counters.tx_bytes.add(total);
    drop_all(graph, node, packets + base + sent, static_cast<std::uint16_t>(size - sent),
             DropReason::egress_queue_full);
  }
}

}  // namespace

std::uint16_t PortTxNode::process(rte_graph* graph, rte_node* node, void** packets,
                                  std::uint16_t count) {
  Worker& worker = worker_of(node);
  // Packets of one flow stay together, so runs are long in practice and order is kept per port.
  std::uint16_t start = 0;
  const auto egress_at = [packets](std::uint16_t i) {
    return context_of(static_cast<rte_mbuf*>(packets[i])).egress;
  };
  for (std::uint16_t i = 1; i <= count; ++i) {
    if (i == count || egress_at(i) != egress_at(start)) {
      send(graph, node, worker, egress_at(start), packets + start,
           static_cast<std::uint16_t>(i - start));
      start = i;
    }
  }
  return count;
}

}  // namespace alkaid
