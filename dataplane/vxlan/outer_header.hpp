// Writes a tunnel's outer IP, UDP and VXLAN headers in front of a packet.
#pragma once

#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/packet/mbuf_checksum.hpp"
#include "dataplane/underlay/tunnel.hpp"
#include "dataplane/vxlan/entropy.hpp"

namespace alkaid {

// What differs between the packets of a tunnel.
struct OuterFields {
  std::uint32_t length = 0;  // of the outer IP packet with its header
  std::uint32_t entropy = 0;
  std::uint8_t ecn = 0;
};

inline void write_outer_ipv4(char* front, const Tunnel& tunnel, const OuterFields& fields) {
  auto& outer = *reinterpret_cast<TunnelHeaderV4*>(front);
  std::memcpy(&outer, &tunnel.header.v4, sizeof(outer));
  outer.ip.tos = fields.ecn;
  outer.ip.total_length = BigEndian16{static_cast<std::uint16_t>(fields.length)};
  const std::uint64_t varying =
      static_cast<std::uint64_t>(outer.ip.total_length.raw()) + BigEndian16{fields.ecn}.raw();
  outer.ip.checksum = checksum_finish(tunnel.header_sum + varying);
  outer.udp.source_port = BigEndian16{entropy_port(fields.entropy)};
  outer.udp.length = BigEndian16{static_cast<std::uint16_t>(fields.length - sizeof(Ipv4Header))};
}

// `packet` begins with the link header, `front` points behind it. The flow label carries entropy
// too, for routers that look no further (RFC 6438). The checksum covers the whole packet unless
// `zero_checksum` (RFC 6935).
inline void write_outer_ipv6(rte_mbuf* packet, char* front, const Tunnel& tunnel,
                             const OuterFields& fields, bool zero_checksum) {
  constexpr std::uint32_t kFlowLabel = 0xfffff;
  auto& outer = *reinterpret_cast<TunnelHeaderV6*>(front);
  std::memcpy(&outer, &tunnel.header.v6, sizeof(outer));
  const std::uint32_t label = fields.entropy >> 8 & kFlowLabel;
  outer.ip.version_class_label =
      BigEndian32{6U << 28 | static_cast<std::uint32_t>(fields.ecn) << 20 |
                  (label != 0 ? label : 1U)};  // 0 would say "no label" (RFC 6437)
  const BigEndian16 udp_length{static_cast<std::uint16_t>(fields.length - sizeof(Ipv6Header))};
  outer.ip.payload_length = udp_length;
  outer.udp.source_port = BigEndian16{entropy_port(fields.entropy)};
  outer.udp.length = udp_length;
  if (zero_checksum) {
    return;
  }
  const auto inner_offset =
      static_cast<std::size_t>(front - rte_pktmbuf_mtod(packet, char*)) + sizeof(TunnelHeaderV6);
  // The length counts in UDP's header and in the pseudo-header.
  std::uint64_t sum = std::uint64_t{tunnel.header_sum} + outer.udp.source_port.raw() +
                      std::uint64_t{2} * udp_length.raw();
  sum = checksum_add_packet(sum, packet, inner_offset, packet->pkt_len - inner_offset);
  outer.udp.checksum = checksum_finish(sum);
  if (outer.udp.checksum.raw() == 0) {
    outer.udp.checksum = BigEndian16{0xffff};  // zero would mean "no checksum" (RFC 8200, 8.1)
  }
}

// Puts link and outer headers in front of a packet that has room for them.
inline void put_outer_headers(rte_mbuf* packet, const Tunnel& tunnel, const LinkChoice& link,
                              const OuterFields& fields, bool udp6_zero_checksum) {
  const std::size_t header_length = tunnel.is_v6 ? sizeof(TunnelHeaderV6) : sizeof(TunnelHeaderV4);
  char* front =
      rte_pktmbuf_prepend(packet, static_cast<std::uint16_t>(link.header_length + header_length));
  link.write(front, fields.entropy);
  front += link.header_length;
  if (tunnel.is_v6) [[unlikely]] {
    write_outer_ipv6(packet, front, tunnel, fields, udp6_zero_checksum);
  } else {
    write_outer_ipv4(front, tunnel, fields);
  }
}

}  // namespace alkaid
