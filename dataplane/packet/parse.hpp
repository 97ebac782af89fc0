// Header parsing: every length is checked before it is read, nothing is written, nothing allocated.
//
// `bytes` is the contiguous part of a packet (its first buffer), which must hold all headers that
// are parsed; `total` is the whole packet's length and bounds the lengths that headers claim.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// What a tenant's frame is, found once and carried with the packet.
struct FrameHeaders {
  enum class Kind : std::uint8_t { kIpv4, kIpv6, kArp };

  Kind kind = Kind::kIpv4;
  std::uint8_t protocol = 0;    // of the upper layer, behind IPv6 extension headers
  std::uint16_t l3_offset = 0;  // from the frame's start
  std::uint16_t l4_offset = 0;  // 0: none (ARP, a later fragment, ESP, no next header)
  std::uint16_t l3_end = 0;     // offset behind the IP packet; padding follows
  BigEndian16 source_port;      // TCP, UDP and SCTP; 0 otherwise
  BigEndian16 destination_port;
  bool is_fragment : 1 = false;       // any fragment of several
  bool is_dhcp_client : 1 = false;    // IPv4 UDP 68 -> 67, or a relay's 67 -> 67
  bool is_dhcpv6_client : 1 = false;  // IPv6 UDP 546 -> 547
  bool is_nd : 1 = false;             // ICMPv6 133 .. 137 (RFC 4861)
  bool is_mld : 1 = false;            // ICMPv6 130 .. 132 and 143 (RFC 2710, 3810)
};
static_assert(sizeof(FrameHeaders) <= 14);  // see PacketContext

// Parses Ethernet and what follows. IPv6 extension headers (RFC 8200, 4) are walked: at most eight,
// all in the first buffer, hop-by-hop options only in front. The first fragment of several holds
// all headers (RFC 7112; RFC 1858 and 3128 for TCP over IPv4), a fragment header on a packet that
// is whole means nothing (RFC 6946). Returns kNone and fills `headers`, or the reason to drop.
DropReason parse_frame(std::span<const std::uint8_t> bytes, std::size_t total,
                       FrameHeaders& headers);

// Checks an ARP packet (RFC 826, Ethernet and IPv4) at headers.l3_offset.
DropReason parse_arp(std::span<const std::uint8_t> bytes, FrameHeaders& headers);

}  // namespace alkaid
