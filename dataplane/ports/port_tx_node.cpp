#include "dataplane/ports/port_tx_node.hpp"

#include <algorithm>

#include "dataplane/ports/ethernet_bursts.hpp"
#include "dataplane/ports/transmit_lock.hpp"
#include "dataplane/vhost/driver_offloads.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/merged_segments.hpp"
#include "dataplane/vhost/segment_merger.hpp"
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

bool is_cut_off(std::uint16_t ethdev) {
  return ethdev != kNoEthdev && !is_vhost(ethdev) &&
         transmit_lock_of(ethdev).is_cut_off.load(std::memory_order_relaxed);
}

struct Sent {
  std::uint16_t packets = 0;
  std::uint16_t refused = 0;  // by the driver; the last ones
  std::uint32_t frames = 0;   // that they are, or are to be cut into
  std::uint64_t bytes = 0;    // of the frames
};

// Fewer and larger packets for a guest whose driver takes such; how many are left.
std::uint16_t merge_for_guest(const Worker& worker, const Port& port, rte_mbuf** packets,
                              std::uint16_t count) {
  const DriverOffloads offloads = driver_offloads(port.device.ethdev);
  if (!offloads.merges_buffers || !(offloads.large_v4 || offloads.large_v6)) {
    return count;
  }
  const auto [left, merged] = merge_segments(packets, count, offloads);
  if (merged.packets > 0) {
    count_merged(port.device.ethdev, worker.settings().index, merged);
  }
  return left;
}

// Those that are not sent are behind those that are.
Sent send_to_guest(const Worker& worker, const Port& port, rte_mbuf** packets,
                   std::uint16_t count) {
  static_assert(kDecideChunk <= VhostDevice::kMostSent);
  VhostDevice* device = VhostDevice::find(port.device.ethdev);
  if (device == nullptr) {
    return {};
  }
  const MoreFrames wanted = more_frames(packets, count);
  const auto [sent, bytes] = device->send(worker.settings().index, packets, count);
  const MoreFrames left = more_frames(packets + sent, static_cast<std::uint16_t>(count - sent));
  return {.packets = sent,
          .frames = sent + wanted.frames - left.frames,
          .bytes = bytes + wanted.bytes - left.bytes};
}

std::uint16_t transmit_queue(const Worker& worker, const Port& port) {
  return static_cast<std::uint16_t>(port.device.queue_per_worker ? worker.settings().index : 0);
}

// Has the driver make ready what its card is to finish. Those that it refuses are at the end then;
// how many they are.
std::uint16_t prepare_for_card(std::uint16_t ethdev, std::uint16_t queue, rte_mbuf** packets,
                               std::uint16_t count) {
  std::uint16_t ready = 0;
  std::uint16_t end = count;
  while (ready < end) {
    ready = static_cast<std::uint16_t>(ready +
                                       rte_eth_tx_prepare(ethdev, queue, packets + ready,
                                                          static_cast<std::uint16_t>(end - ready)));
    if (ready < end) {
      std::rotate(packets + ready, packets + ready + 1, packets + end);
      --end;
    }
  }
  return static_cast<std::uint16_t>(count - end);
}

Sent send_to_device(const Worker& worker, const Port& port, rte_mbuf** packets,
                    std::uint16_t count) {
  std::uint64_t bytes[kDecideChunk];
  for (std::uint16_t i = 0; i < count; ++i) {
    // A sent packet is no longer ours to read.
    bytes[i] = packets[i]->pkt_len;
  }
  Sent sent;
  sent.packets = count;
  if (port.device.ethdev == kNoEthdev) {
    rte_pktmbuf_free_bulk(packets, count);
  } else {
    const TransmitGuard guard(port.device.ethdev);
    sent.packets = send_burst(port.device.ethdev, transmit_queue(worker, port), packets, count);
  }
  for (std::uint16_t i = 0; i < sent.packets; ++i) {
    sent.bytes += bytes[i];
  }
  sent.frames = sent.packets;
  return sent;
}

// The same to an uplink whose card cuts large packets.
Sent send_to_card(const Worker& worker, const Port& port, rte_mbuf** packets, std::uint16_t count) {
  if (std::none_of(packets, packets + count, is_cut_by_driver)) {
    return send_to_device(worker, port, packets, count);
  }
  const MoreFrames wanted = more_frames(packets, count);
  const std::uint16_t refused =
      prepare_for_card(port.device.ethdev, transmit_queue(worker, port), packets, count);
  Sent sent = send_to_device(worker, port, packets, static_cast<std::uint16_t>(count - refused));
  const MoreFrames left =
      more_frames(packets + sent.packets, static_cast<std::uint16_t>(count - sent.packets));
  sent.refused = refused;
  sent.frames += wanted.frames - left.frames;
  sent.bytes += wanted.bytes - left.bytes;
  return sent;
}

Sent send_burst_of(const Worker& worker, const Port& port, rte_mbuf** packets,
                   std::uint16_t count) {
  if (is_vhost(port.device.ethdev)) {
    return send_to_guest(worker, port, packets, count);
  }
  return port.is_uplink && port.tunnel_segmentation.is_any()
             ? send_to_card(worker, port, packets, count)
             : send_to_device(worker, port, packets, count);
}

// Sends packets that all go to one port.
void send(rte_graph* graph, rte_node* node, Worker& worker, PortIndex index, void** packets,
          std::uint16_t count) {
  const Port* port = worker.ports().find(index);
  if (!PortTxNode::can_send(port) || is_cut_off(port->device.ethdev)) {
    drop_all(graph, node, packets, count, DropReason::egress_port_down);
    return;
  }
  auto** mbufs = reinterpret_cast<rte_mbuf**>(packets);
  // A sink has no queue that could have but one writer.
  const bool is_sink = port->device.ethdev == kNoEthdev;
  if (!is_sink && !port->device.queue_per_worker &&
      port->device.worker != worker.settings().index) {
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
  for (std::uint16_t base = 0; base < count; base += kDecideChunk) {
    std::uint16_t size =
        std::min<std::uint16_t>(kDecideChunk, static_cast<std::uint16_t>(count - base));
    if (is_vhost(port->device.ethdev)) {
      size = merge_for_guest(worker, *port, mbufs + base, size);
    }
    const Sent sent = send_burst_of(worker, *port, mbufs + base, size);
    PortCounters& counters = worker.counters_of(port);
    counters.tx_packets.add(sent.frames);
    counters.tx_bytes.add(sent.bytes);
    drop_all(graph, node, packets + base + sent.packets,
             static_cast<std::uint16_t>(size - sent.packets - sent.refused),
             DropReason::egress_queue_full);
    drop_all(graph, node, packets + base + size - sent.refused, sent.refused,
             DropReason::egress_refused);
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
