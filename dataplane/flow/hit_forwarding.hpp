// Forwards the packets that a connection takes: rewrites, puts the outer headers in front or takes
// them off, and names the egress port. All that could fail is checked before anything is written.
#pragma once

#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_burst.hpp"
#include "dataplane/flow/router_mac.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/partial_checksum.hpp"
#include "dataplane/vhost/driver_offloads.hpp"
#include "dataplane/vhost/left_to_device.hpp"
#include "dataplane/vhost/vhost_numbers.hpp"
#include "dataplane/vxlan/ecn.hpp"
#include "dataplane/vxlan/leave_to_card.hpp"
#include "dataplane/vxlan/outer_header.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// For the packets of one visit to a node.
class HitForwarding {
 public:
  HitForwarding(Worker& worker, Milliseconds now)
      : worker_(worker),
        now_(now),
        uplink_index_(worker.underlay().uplink.load(std::memory_order_acquire)),
        uplink_(worker.ports().find(uplink_index_)) {}

  // From a guest. False: the slow path must decide; nothing has been changed.
  template <class Key>
  bool from_guest(FlowLane<Key>& lane) {
    if (lane.neighbor->tunnel != nullptr) [[likely]] {
      return into_tunnel(lane);
    }
    return lane.neighbor->port != context_of(lane.packet).ingress->index &&
           to_port(lane, lane.packet->pkt_len);
  }

  // From the wire, its outer headers `inner_offset` bytes long.
  template <class Key>
  bool from_wire(FlowLane<Key>& lane, std::uint16_t inner_offset) {
    if (lane.neighbor->tunnel != nullptr || !to_port(lane, lane.packet->pkt_len - inner_offset))
        [[unlikely]] {
      return false;
    }
    rte_pktmbuf_adj(lane.packet, inner_offset);
    return true;
  }

  // Whether the packet would be forwarded; nothing is changed.
  template <class Key>
  bool would_take_from_guest(const FlowLane<Key>& lane) const {
    const Tunnel* tunnel = lane.neighbor->tunnel;
    const std::uint16_t flags = lane.half->fields.flags.load(std::memory_order_relaxed);
    const Segment* segment = nullptr;
    PortEgress egress;
    return tunnel != nullptr
               ? can_go_into_tunnel(lane, tunnel->path->choice.load(std::memory_order_acquire),
                                    flags, segment)
               : lane.neighbor->port != context_of(lane.packet).ingress->index &&
                     can_go_to_port(lane, lane.packet->pkt_len, flags, egress);
  }
  // Of a large packet that a guest left to its device to be cut: whether it would go as it is to
  // another guest, or to a card that cuts it.
  template <class Key>
  bool would_stay_large(const FlowLane<Key>& lane) const {
    if (lane.neighbor->tunnel != nullptr) {
      return uplink_ != nullptr && large_in_tunnel(lane) && would_take_from_guest(lane);
    }
    const Port* port = worker_.ports().find(lane.neighbor->port);
    return port != nullptr && large(lane, *port) && would_take_from_guest(lane);
  }
  // The packet without its outer headers.
  template <class Key>
  bool would_take_from_wire(const FlowLane<Key>& lane) const {
    PortEgress egress;
    return lane.neighbor->tunnel == nullptr &&
           can_go_to_port(lane, lane.packet->pkt_len,
                          lane.half->fields.flags.load(std::memory_order_relaxed), egress);
  }

 private:
  using Ipv4OrIpv6 = FrameHeaders::Kind;

  struct PortEgress {
    const Port* port = nullptr;
    const Segment* segment = nullptr;  // if the source MAC is to be written
  };

  template <class Key>
  static bool has_hop_left(const FlowLane<Key>& lane, std::uint16_t flags) {
    const std::uint8_t* ip = lane.frame + sizeof(EthernetHeader);
    const std::uint8_t left = Key::kIsV6 ? reinterpret_cast<const Ipv6Header*>(ip)->hop_limit
                                         : reinterpret_cast<const Ipv4Header*>(ip)->ttl;
    return (flags & flow_flag::kTakeHop) == 0 || left > 1;
  }

  template <class Key>
  void rewrite(FlowLane<Key>& lane, std::uint16_t flags, const Segment* segment, bool to_port) {
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(lane.frame);
    if ((flags & flow_flag::kWriteDestination) != 0) {
      ethernet.destination = lane.neighbor->mac();
    }
    if ((flags & flow_flag::kWriteSource) != 0) {
      ethernet.source = router_mac<Key>(*segment, to_port);
    }
    if ((flags & flow_flag::kTakeHop) != 0) {
      std::uint8_t* ip = lane.frame + sizeof(EthernetHeader);
      if constexpr (Key::kIsV6) {
        --reinterpret_cast<Ipv6Header*>(ip)->hop_limit;
      } else {
        ipv4_decrement_ttl(*reinterpret_cast<Ipv4Header*>(ip));
      }
    }
  }

  // frame_length: without outer headers. egress: filled in if it can.
  template <class Key>
  bool can_go_to_port(const FlowLane<Key>& lane, std::uint32_t frame_length, std::uint16_t flags,
                      PortEgress& egress) const {
    const PortIndex index = lane.neighbor->port;
    const Port* port = worker_.ports().find(index);
    if (port == nullptr || !port->forwards() ||
        lane.half->fields.egress_stamp.load(std::memory_order_relaxed) !=
            worker_.flows().stamps.of(index) ||
        (frame_length - sizeof(EthernetHeader) > port->mtu && !large(lane, *port)) ||
        !has_hop_left(lane, flags)) [[unlikely]] {
      return false;
    }
    egress.port = port;
    if ((flags & flow_flag::kWriteSource) == 0) {
      return true;
    }
    egress.segment = worker_.tables().segments.at(
        port->zone_of(Key::kIsV6 ? Ipv4OrIpv6::kIpv6 : Ipv4OrIpv6::kIpv4));
    return egress.segment != nullptr;
  }

  template <class Key>
  bool to_port(FlowLane<Key>& lane, std::uint32_t frame_length) {
    FlowFields& fields = lane.half->fields;
    const std::uint16_t flags = fields.flags.load(std::memory_order_relaxed);
    PortEgress egress;
    if (!can_go_to_port(lane, frame_length, flags, egress)) [[unlikely]] {
      return false;
    }
    settle_checksum(lane, *egress.port);
    rewrite(lane, flags, egress.segment, true);
    fields.count(frame_length, now_);
    context_of(lane.packet).egress = lane.neighbor->port;
    return true;
  }

  static std::uint32_t header_length(const Tunnel& tunnel) {
    return tunnel.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4);
  }

  // link: of the tunnel. segment: filled in if the source MAC is to be written.
  template <class Key>
  bool can_go_into_tunnel(const FlowLane<Key>& lane, const LinkChoice* link, std::uint16_t flags,
                          const Segment*& segment) const {
    const Tunnel& tunnel = *lane.neighbor->tunnel;
    const std::uint32_t outer_length = header_length(tunnel);
    if (link == nullptr || uplink_ == nullptr ||
        (lane.packet->pkt_len + outer_length > uplink_->mtu && !large_in_tunnel(lane)) ||
        lane.half->fields.egress_stamp.load(std::memory_order_relaxed) != 0 ||
        !has_hop_left(lane, flags) ||
        rte_pktmbuf_headroom(lane.packet) < link->header_length + outer_length) [[unlikely]] {
      return false;
    }
    if ((flags & flow_flag::kWriteSource) == 0) {
      return true;
    }
    segment = worker_.tables().segments.find(tunnel.vni);
    return segment != nullptr;
  }

  template <class Key>
  bool into_tunnel(FlowLane<Key>& lane) {
    FlowFields& fields = lane.half->fields;
    const std::uint16_t flags = fields.flags.load(std::memory_order_relaxed);
    const Tunnel& tunnel = *lane.neighbor->tunnel;
    const LinkChoice* link = tunnel.path->choice.load(std::memory_order_acquire);
    const Segment* segment = nullptr;
    if (!can_go_into_tunnel(lane, link, flags, segment)) [[unlikely]] {
      return false;
    }
    rte_mbuf* packet = lane.packet;
    const std::uint32_t frame_length = packet->pkt_len;
    const auto cut = settle_in_tunnel(lane);
    rewrite(lane, flags, segment, false);
    fields.count(frame_length, now_);
    const std::uint8_t* ip = lane.frame + sizeof(EthernetHeader);
    const OuterFields outer{.length = frame_length + header_length(tunnel),
                            .entropy = lane.entropy,
                            .ecn = Key::kIsV6 ? ecn_of(*reinterpret_cast<const Ipv6Header*>(ip))
                                              : ecn_of(*reinterpret_cast<const Ipv4Header*>(ip))};
    put_outer_headers(packet, tunnel, *link, outer, cut || worker_.underlay().udp6_zero_checksum);
    if (cut) [[unlikely]] {
      leave_to_card(packet, headers_of(lane), outer_lengths(lane, link->header_length), *cut);
      count_segments(fields, worker_.counters_of(context_of(packet).ingress), *cut);
    }
    context_of(packet).egress = uplink_index_;
    return true;
  }

  // Of a whole packet without options of the IP layer, which it is (quick_parse.hpp).
  template <class Key>
  static FrameHeaders headers_of(const FlowLane<Key>& lane) {
    FrameHeaders headers;
    headers.kind = Key::kIsV6 ? Ipv4OrIpv6::kIpv6 : Ipv4OrIpv6::kIpv4;
    headers.protocol = protocol_of(lane.key.scope);
    headers.l3_offset = sizeof(EthernetHeader);
    const std::uint8_t* ip = lane.frame + sizeof(EthernetHeader);
    if constexpr (Key::kIsV6) {
      headers.l4_offset = sizeof(EthernetHeader) + sizeof(Ipv6Header);
      headers.l3_end = static_cast<std::uint16_t>(
          headers.l4_offset + reinterpret_cast<const Ipv6Header*>(ip)->payload_length.host());
    } else {
      headers.l4_offset = sizeof(EthernetHeader) + sizeof(Ipv4Header);
      headers.l3_end = static_cast<std::uint16_t>(
          sizeof(EthernetHeader) + reinterpret_cast<const Ipv4Header*>(ip)->total_length.host());
    }
    return headers;
  }

  // Into how many segments a guest is to cut the packet, if another one left it to be cut and this
  // one takes it so.
  template <class Key>
  static std::optional<CutTcp> large(const FlowLane<Key>& lane, const Port& port) {
    const PortDevice& from = context_of(lane.packet).ingress->device;
    if (!is_vhost(from.ethdev) || !is_large(lane.packet)) {
      return std::nullopt;
    }
    const DriverOffloads offloads = driver_offloads(port.device.ethdev);
    return (Key::kIsV6 ? offloads.large_v6 : offloads.large_v4)
               ? stay_large(lane.packet, headers_of(lane), port.mtu)
               : std::nullopt;
  }

  // Of a packet to a guest, whose driver may do what the sender left to its device.
  template <class Key>
  void settle_checksum(FlowLane<Key>& lane, const Port& port) {
    const Port& from = *context_of(lane.packet).ingress;
    if (!from.device.partial_checksums) [[likely]] {
      return;
    }
    if (!is_vhost(from.device.ethdev) || !is_checksum_left(lane.packet) ||
        !driver_offloads(port.device.ethdev).checksums) {
      complete_checksum(lane);
      return;
    }
    const auto cut = large(lane, port);
    leave_to_driver(lane.packet, headers_of(lane), cut);
    if (cut) {
      count_segments(lane.half->fields, worker_.counters_of(&from), *cut);
    }
  }

  template <class Key>
  OuterLengths outer_lengths(const FlowLane<Key>& lane, std::uint8_t link) const {
    const bool is_v6 = lane.neighbor->tunnel->is_v6;
    return {link, is_v6, is_v6 && !worker_.underlay().udp6_zero_checksum};
  }

  // The same of the uplink's card, of a packet into a tunnel.
  template <class Key>
  std::optional<CutTcp> large_in_tunnel(const FlowLane<Key>& lane) const {
    if (!is_vhost(context_of(lane.packet).ingress->device.ethdev) || !is_large(lane.packet)) {
      return std::nullopt;
    }
    return stay_large_in_tunnel(lane.packet, headers_of(lane), uplink_->tunnel_segmentation,
                                outer_lengths(lane, 0), uplink_->mtu);
  }

  // Of a packet into a tunnel. Returns how the card is to cut it; if it isn't, it is complete.
  template <class Key>
  std::optional<CutTcp> settle_in_tunnel(FlowLane<Key>& lane) {
    if (!context_of(lane.packet).ingress->device.partial_checksums) [[likely]] {
      return std::nullopt;
    }
    const auto cut = large_in_tunnel(lane);
    if (!cut) {
      complete_checksum(lane);
    }
    return cut;
  }

  // Everybody counts segments, whoever cuts them; the packet counts as one of them.
  static void count_segments(FlowFields& fields, PortCounters& counters, const CutTcp& cut) {
    const std::uint32_t more = cut.segments - 1;
    const std::uint32_t more_bytes = more * cut.header_length;
    const auto add = [](std::atomic<std::uint64_t>& counter, std::uint64_t value) {
      counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
    };
    add(fields.packets, more);
    add(fields.bytes, more_bytes);
    counters.rx_packets.add(more);
    counters.rx_bytes.add(more_bytes);
  }

  // A veth leaves checksums to "the hardware", a guest to its virtio device.
  template <class Key>
  static void complete_checksum(FlowLane<Key>& lane) {
    const PortDevice& from = context_of(lane.packet).ingress->device;
    if (!from.partial_checksums) [[likely]] {
      return;
    }
    if (is_vhost(from.ethdev)) {
      if (is_checksum_left(lane.packet)) {
        complete_left_checksum(lane.packet, headers_of(lane));
      }
      return;
    }
    const auto before =
        static_cast<std::size_t>(lane.frame - rte_pktmbuf_mtod(lane.packet, std::uint8_t*));
    complete_partial_checksum({lane.frame, lane.packet->data_len - before}, headers_of(lane));
  }

  Worker& worker_;
  const Milliseconds now_;
  const PortIndex uplink_index_;
  const Port* const uplink_;
};

}  // namespace alkaid
