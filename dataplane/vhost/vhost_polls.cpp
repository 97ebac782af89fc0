#include "dataplane/vhost/vhost_polls.hpp"

#include <array>
#include <atomic>

#include <rte_lcore.h>

#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/ports/port_rx_node.hpp"
#include "dataplane/vhost/vhost_device.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint16_t kBurst = 64;

// By worker, of which there is at most one on each core.
std::array<std::atomic<VhostPollSet*>, RTE_MAX_LCORE> poll_sets{};

// A guest leaves checksums to "the hardware" if its device offers that: the field then holds the
// sum of the pseudo-header (virtio 1.2, 5.1.6.2). What is malformed is refused further on.
void complete_checksum(rte_mbuf* packet) {
  FrameHeaders headers;
  if (parse_frame(bytes_of(packet), packet->pkt_len, headers) != DropReason::kNone ||
      headers.kind == FrameHeaders::Kind::kArp || headers.is_fragment || headers.l4_offset == 0) {
    return;
  }
  BigEndian16* field = nullptr;
  if (headers.protocol == ip_protocol::kTcp) {
    field = &header_at<TcpHeader>(packet, headers.l4_offset).checksum;
  } else if (headers.protocol == ip_protocol::kUdp) {
    field = &header_at<UdpHeader>(packet, headers.l4_offset).checksum;
  } else {
    return;
  }
  *field = checksum_finish(checksum_add_packet(0, packet, headers.l4_offset,
                                               std::size_t{headers.l3_end} - headers.l4_offset));
  if (headers.protocol == ip_protocol::kUdp && field->raw() == 0) {
    *field = BigEndian16{0xffff};  // zero would mean "no checksum" (RFC 768)
  }
}

std::uint16_t receive(rte_graph* graph, rte_node* node, Worker& worker, const Port& port,
                      VhostDevice& device) {
  using Next = PortRxNode::Next;
  rte_mbuf* burst[kBurst];
  const std::uint16_t count = device.receive(burst, kBurst);
  if (count == 0) {
    return 0;
  }
  const bool is_fast = worker.flows().settings.fast_path;
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* packet = burst[i];
    // The fast path needs only the port; whoever leaves it gets the rest there.
    if (!is_fast) [[unlikely]] {
      context_of(packet) = PacketContext{};
    }
    context_of(packet).ingress = &port;
    bytes += packet->pkt_len;
    if ((packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
      complete_checksum(packet);
    }
    // What librte_vhost says of the frame is meant for nobody else.
    packet->ol_flags = 0;
  }
  PortCounters& counters = worker.counters_of(&port);
  counters.rx_packets.add(count);
  counters.rx_bytes.add(bytes);
  const rte_edge_t edge =
      is_fast ? Next::to<NodeId::kGuestFlow>().edge() : Next::to<NodeId::kGuestInput>().edge();
  rte_node_enqueue(graph, node, edge, reinterpret_cast<void**>(burst), count);
  return count;
}

}  // namespace

void publish_vhost_polls(unsigned worker, std::unique_ptr<VhostPollSet> set,
                         QuiescenceDomain& quiescence) {
  VhostPollSet* old = poll_sets[worker].exchange(set.release(), std::memory_order_acq_rel);
  if (old != nullptr) {
    quiescence.retire_object(old);
  }
}

VhostPollSet* vhost_polls_of(unsigned worker) {
  return poll_sets[worker].load(std::memory_order_acquire);
}

std::uint16_t receive_from_guests(rte_graph* graph, rte_node* node, Worker& worker,
                                  VhostPollSet& polls) {
  std::uint16_t received = 0;
  polls.walk([&](PortIndex index) {
    const Port* port = worker.ports().find(index);
    VhostDevice* device = port != nullptr ? VhostDevice::find(port->device.ethdev) : nullptr;
    const std::uint16_t count =
        device != nullptr ? receive(graph, node, worker, *port, *device) : std::uint16_t{0};
    received = static_cast<std::uint16_t>(received + count);
    return count;
  });
  return received;
}

}  // namespace alkaid
