// Parsing of what arrives on the uplink, down to the VXLAN header (RFC 7348). The rules of
// parse.hpp hold: every length is checked before it is read, nothing is written, nothing allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// How the underlay is set up.
struct UnderlayFormat {
  std::uint16_t vxlan_port = udp_port::kVxlan;
  std::uint16_t vlan = 0;  // 0: frames carry no tag; else all carry this 802.1Q VLAN
};

// What a frame on the underlay is.
struct UnderlayHeaders {
  enum class Kind : std::uint8_t { kArp, kNeighborDiscovery, kVxlan };

  Kind kind = Kind::kVxlan;
  bool is_v6 = false;              // outer (kVxlan)
  std::uint8_t tos = 0;            // outer TOS or traffic class (kVxlan)
  std::uint16_t l3_offset = 0;     // behind Ethernet and tag
  std::uint16_t udp_offset = 0;    // outer (kVxlan)
  std::uint16_t inner_offset = 0;  // of the inner Ethernet header, from the frame's start (kVxlan)
  std::uint32_t vni = 0;           // 24 bits (kVxlan)
  std::size_t outer_end = 0;       // offset behind the outer IP packet; padding follows
};

// kNone: a well-formed ARP packet, an ICMPv6 neighbor solicitation or advertisement (whose message
// is not looked at), or a VXLAN packet: flags 0x08, UDP length right; a checksum is left to the
// caller as it needs the whole packet. IPv6 comes without extension headers, as VTEPs send it.
// Outer fragments are refused: VTEPs must not fragment (RFC 7348, 4.3).
//
// Reasons for frames that may be somebody else's business: ethertype_unsupported,
// underlay_protocol, underlay_fragment; l3_offset is set for them.
DropReason parse_underlay(std::span<const std::uint8_t> bytes, std::size_t total,
                          const UnderlayFormat& format, UnderlayHeaders& headers);

}  // namespace alkaid
