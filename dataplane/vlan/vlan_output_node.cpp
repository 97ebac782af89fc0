#include "dataplane/vlan/vlan_output_node.hpp"

#include <algorithm>

#include <rte_ether.h>

#include "dataplane/ports/ethernet_bursts.hpp"
#include "dataplane/ports/port_tx_node.hpp"
#include "dataplane/ports/transmit_lock.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

void drop_packet(rte_graph* graph, rte_node* node, rte_mbuf* packet, DropReason reason) {
  context_of(packet).drop_reason = reason;
  rte_node_enqueue_x1(graph, node, drop(reason).edge(), packet);
}

// A change of the port since port-tx saw it counts; one that is moving may still be sent by.
bool can_send(const Worker& worker, const Port* port) {
  return PortTxNode::can_send(port) && port->device.vlan != 0 &&
         (port->device.queue_per_worker || port->device.worker == worker.settings().index ||
          transmit_lock_of(port->device.ethdev).is_engaged.load(std::memory_order_acquire));
}

// False: there is no room for the tag.
bool add_tag(const Port& port, rte_mbuf*& packet) {
  packet->vlan_tci = port.device.vlan;
  if (port.inserts_vlan) {
    packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
    return true;
  }
  return rte_vlan_insert(&packet) == 0;
}

// Packets that wait to be sent by one device.
class TrunkBurst {
 public:
  TrunkBurst(rte_graph* graph, rte_node* node, Worker& worker)
      : graph_(graph), node_(node), worker_(worker) {}

  void add(const Port& port, rte_mbuf* packet) {
    if (count_ > 0 && port.device.ethdev != ethdev_) {
      send();
    }
    ethdev_ = port.device.ethdev;
    queue_ = port.device.queue_per_worker ? static_cast<std::uint16_t>(worker_.settings().index)
                                          : std::uint16_t{0};
    trunk_ = port.trunk;
    // As the guest will see it, and before the packet is no longer ours to read.
    bytes_[count_] = packet->pkt_len;
    if (!add_tag(port, packet)) [[unlikely]] {
      drop_packet(graph_, node_, packet, DropReason::vlan_no_room);
      return;
    }
    packets_[count_] = packet;
    counters_[count_] = &worker_.counters_of(&port);
    if (++count_ == kSize) {
      send();
    }
  }

  void send() {
    if (count_ == 0) {
      return;
    }
    std::uint16_t sent = 0;
    {
      const TransmitGuard guard(ethdev_);
      sent = send_burst(ethdev_, queue_, packets_, count_);
    }
    std::uint64_t total = 0;
    for (std::uint16_t i = 0; i < sent; ++i) {
      counters_[i]->tx_packets.add(1);
      counters_[i]->tx_bytes.add(bytes_[i]);
      total += bytes_[i] + sizeof(rte_vlan_hdr);
    }
    if (const Port* trunk = worker_.ports().find(trunk_)) {
      PortCounters& counters = worker_.counters_of(trunk);
      counters.tx_packets.add(sent);
      counters.tx_bytes.add(total);
    }
    for (std::uint16_t i = sent; i < count_; ++i) {
      drop_packet(graph_, node_, packets_[i], DropReason::egress_queue_full);
    }
    count_ = 0;
  }

 private:
  static constexpr std::uint16_t kSize = 64;

  rte_graph* graph_;
  rte_node* node_;
  Worker& worker_;
  std::uint16_t ethdev_ = kNoEthdev;
  std::uint16_t queue_ = 0;
  PortIndex trunk_ = kNoPort;
  std::uint16_t count_ = 0;
  rte_mbuf* packets_[kSize];
  PortCounters* counters_[kSize];
  std::uint32_t bytes_[kSize];
};

}  // namespace

std::uint16_t VlanOutputNode::process(rte_graph* graph, rte_node* node, void** packets,
                                      std::uint16_t count) {
  Worker& worker = worker_of(node);
  TrunkBurst burst(graph, node, worker);
  for (std::uint16_t i = 0; i < count; ++i) {
    auto* packet = static_cast<rte_mbuf*>(packets[i]);
    if (i + kPrefetchAhead < count) {
      rte_prefetch0(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packets[i + kPrefetchAhead]), void*));
    }
    const Port* port = worker.ports().find(context_of(packet).egress);
    if (!can_send(worker, port)) [[unlikely]] {
      drop_packet(graph, node, packet, DropReason::egress_port_down);
      continue;
    }
    burst.add(*port, packet);
  }
  burst.send();
  return count;
}

}  // namespace alkaid
