#include "dataplane/announce/tunnel_sender.hpp"

#include <cstring>

#include "dataplane/graph/packet_context.hpp"
#include "dataplane/vxlan/outer_header.hpp"

namespace alkaid {
namespace {

// One flow for all: announcements of an address must not overtake one another. Not zero, which as
// an IPv6 flow label means that there is none (RFC 6437).
constexpr std::uint32_t kEntropy = 1;

// Puts the tunnel's headers in front of the frame that `packet` holds.
bool encapsulate(rte_mbuf* packet, const Tunnel& tunnel, const Port& uplink,
                 bool udp6_zero_checksum) {
  const LinkChoice* link = tunnel.path->choice.load(std::memory_order_acquire);
  if (link == nullptr) {
    return false;
  }
  const std::uint32_t header_length =
      tunnel.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4);
  const OuterFields outer{.length = packet->pkt_len + header_length, .entropy = kEntropy};
  char* front = outer.length <= uplink.mtu
                    ? rte_pktmbuf_prepend(
                          packet, static_cast<std::uint16_t>(link->header_length + header_length))
                    : nullptr;
  if (front == nullptr) {
    return false;
  }
  link->write(front, outer.entropy);
  front += link->header_length;
  if (tunnel.is_v6) {
    write_outer_ipv6(packet, front, tunnel, outer, udp6_zero_checksum);
  } else {
    write_outer_ipv4(front, tunnel, outer);
  }
  return true;
}

}  // namespace

unsigned TunnelSender::send(Vni vni, std::span<const std::uint8_t> frame) const {
  const Port* uplink = ports_.find(underlay_.uplink.load(std::memory_order_relaxed));
  if (uplink == nullptr) {
    return 0;
  }
  unsigned sent = 0;
  for (const Tunnel* tunnel : tunnels_.tunnels_of(vni)) {
    sent += send_into(*tunnel, *uplink, frame) ? 1 : 0;
  }
  return sent;
}

bool TunnelSender::send_into(const Tunnel& tunnel, const Port& uplink,
                             std::span<const std::uint8_t> frame) const {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
  if (packet == nullptr) {
    return false;
  }
  char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()));
  if (room != nullptr) {
    std::memcpy(room, frame.data(), frame.size());
    if (encapsulate(packet, tunnel, uplink, underlay_.udp6_zero_checksum)) {
      PacketContext& context = context_of(packet);
      context = PacketContext{};
      context.egress = uplink.index;
      context.egress_generation = uplink.generation;
      if (workers_[uplink.device.worker]->inject(&packet, 1) == 1) {
        return true;
      }
    }
  }
  rte_pktmbuf_free(packet);
  return false;
}

}  // namespace alkaid
