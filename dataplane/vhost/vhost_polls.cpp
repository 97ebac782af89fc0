#include "dataplane/vhost/vhost_polls.hpp"

#include <algorithm>
#include <array>
#include <atomic>

#include <rte_lcore.h>

#include "dataplane/flow/guest_flow_node.hpp"
#include "dataplane/ports/port_rx_node.hpp"
#include "dataplane/vhost/large_tcp_packet.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/vhost_device.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {
namespace {

constexpr std::uint16_t kBurst = 32;

// Of one walk: the library counts the packets of a node's stream in 16 bits, the pool is shared
// with all other guests and workers, and what is cut takes a buffer for every segment.
constexpr std::uint32_t kMostFrames = 4096;

// By worker, of which there is at most one on each core.
std::array<std::atomic<VhostPollSet*>, RTE_MAX_LCORE> poll_sets{};

// What may still be taken in a walk, so that all of a burst finds room whatever becomes of it.
class Room {
 public:
  [[nodiscard]] std::uint16_t packets() const {
    return static_cast<std::uint16_t>(
        std::min<std::uint32_t>(kBurst, frames_ / LargeTcpPacket::kMostSegments));
  }
  void take(std::uint32_t frames) { frames_ -= frames; }

 private:
  std::uint32_t frames_ = kMostFrames;
};

// A port's frames on their way to where port-rx sends guests' frames, in order.
class Intake {
 public:
  Intake(rte_graph* graph, rte_node* node, Worker& worker, const Port& port)
      : graph_(graph),
        node_(node),
        worker_(worker),
        port_(port),
        is_fast_(worker.flows().settings.fast_path) {}

  void add(rte_mbuf* packet) {
    begin(packet);
    frames_[count_] = packet;
    bytes_ += packet->pkt_len;
    ++taken_;
    if (++count_ == kBurst) {
      flush();
    }
  }
  // How many frames it was given, or has made of large ones.
  [[nodiscard]] std::uint32_t frames() const { return taken_; }

  // Cuts what the guest left to be cut, here and now, so that a flow's packets stay in order,
  // unless another guest or the uplink's card takes it whole. What can't be cut goes on as it is
  // and is too big for whatever it is sent to.
  void add_large(rte_mbuf* packet) {
    begin(packet);
    if (is_fast_ && GuestFlowNode::would_stay_large(worker_, packet)) {
      add(packet);
      return;
    }
    const auto large = LargeTcpPacket::parse(packet, packet->tso_segsz);
    if (!large) {
      packet->ol_flags = 0;
      add(packet);
      return;
    }
    for (std::uint32_t i = 0; i < large->segments(); ++i) {
      rte_mbuf* segment = large->segment(i, worker_.pool());
      if (segment == nullptr) {
        flush();
        context_of(packet).drop_reason = DropReason::no_buffer;
        rte_node_enqueue_x1(graph_, node_, drop(DropReason::no_buffer).edge(), packet);
        return;
      }
      add(segment);
    }
    rte_pktmbuf_free(packet);
  }

  void flush() {
    if (count_ == 0) {
      return;
    }
    using Next = PortRxNode::Next;
    PortCounters& counters = worker_.counters_of(&port_);
    counters.rx_packets.add(count_);
    counters.rx_bytes.add(bytes_);
    const rte_edge_t edge =
        is_fast_ ? Next::to<NodeId::kGuestFlow>().edge() : Next::to<NodeId::kGuestInput>().edge();
    rte_node_enqueue(graph_, node_, edge, reinterpret_cast<void**>(frames_), count_);
    count_ = 0;
    bytes_ = 0;
  }

 private:
  void begin(rte_mbuf* packet) {
    // The fast path needs only the port; whoever leaves it gets the rest there.
    if (!is_fast_) [[unlikely]] {
      context_of(packet) = PacketContext{};
    }
    context_of(packet).ingress = &port_;
    // What else librte_vhost says of the frame is meant for nobody.
    packet->ol_flags &= kLeftToDevice;
  }

  rte_graph* graph_;
  rte_node* node_;
  Worker& worker_;
  const Port& port_;
  const bool is_fast_;
  std::uint16_t count_ = 0;
  std::uint32_t taken_ = 0;
  std::uint64_t bytes_ = 0;
  rte_mbuf* frames_[kBurst];
};

std::uint16_t receive(rte_graph* graph, rte_node* node, Worker& worker, const Port& port,
                      VhostDevice& device, std::uint16_t queue, Room& room) {
  rte_mbuf* burst[kBurst];
  const std::uint16_t count = device.receive(queue, burst, room.packets());
  if (count == 0) {
    return 0;
  }
  Intake intake(graph, node, worker, port);
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_mbuf* packet = burst[i];
    if (is_large(packet)) {
      intake.add_large(packet);
    } else {
      intake.add(packet);
    }
  }
  intake.flush();
  room.take(intake.frames());
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
                                  VhostPollSet& polls, bool is_busy) {
  std::uint16_t received = 0;
  Room room;
  const auto poll = [&](PortIndex index, std::uint16_t queue) {
    const Port* port = worker.ports().find(index);
    VhostDevice* device = port != nullptr ? VhostDevice::find(port->device.ethdev) : nullptr;
    const std::uint16_t count = device != nullptr
                                    ? receive(graph, node, worker, *port, *device, queue, room)
                                    : std::uint16_t{0};
    received = static_cast<std::uint16_t>(received + count);
    return count;
  };
  polls.walk(is_busy, poll, [&] { return room.packets() > 0; });
  return received;
}

}  // namespace alkaid
