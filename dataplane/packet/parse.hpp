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
  std::uint8_t protocol = 0;    // IP protocol; of IPv6 the first next header
  std::uint16_t l3_offset = 0;  // from the frame's start
  std::uint16_t l4_offset = 0;  // 0: none (ARP, or a later fragment)
  std::uint16_t l3_end = 0;     // offset behind the IP packet; padding follows
  BigEndian16 source_port;      // TCP, UDP and SCTP; 0 otherwise
  BigEndian16 destination_port;
  bool is_fragment = false;     // IPv4, any fragment
  bool is_dhcp_client = false;  // IPv4 UDP 68 -> 67
};

// Parses Ethernet and what follows. Returns kNone and fills `headers`, or the reason to drop.
DropReason parse_frame(std::span<const std::uint8_t> bytes, std::size_t total,
                       FrameHeaders& headers);

// What a frame on the underlay is.
struct UnderlayHeaders {
  enum class Kind : std::uint8_t { kArp, kVxlan, kOther };

  Kind kind = Kind::kOther;
  std::uint8_t tos = 0;            // outer
  std::uint16_t inner_offset = 0;  // of the inner Ethernet header, from the frame's start (kVxlan)
  std::uint32_t vni = 0;           // 24 bits (kVxlan)
  std::size_t outer_end = 0;       // offset behind the outer IP packet; padding follows (kVxlan)
  Ipv4Address source;              // outer (kVxlan, kOther)
  Ipv4Address destination;
};

// Parses an underlay frame down to the VXLAN header with RFC 7348's checks: flags 0x08, UDP length
// right, checksum (if any) is left to the caller as it needs the whole packet. kNone with kOther
// means well-formed but not VXLAN to `vxlan_port`. Outer fragments are refused: VTEPs must not
// fragment (RFC 7348, 4.3).
DropReason parse_underlay(std::span<const std::uint8_t> bytes, std::size_t total,
                          std::uint16_t vxlan_port, UnderlayHeaders& headers);

}  // namespace alkaid
