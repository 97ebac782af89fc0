// What an ICMP error is about: the tuple of the packet that it quotes (RFC 792, RFC 4443 section
// 2.4 (c)). Every length is checked before it is read; nothing is allocated; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "control/common/net/ip_address.hpp"
#include "dataplane/packet/parse.hpp"

namespace alkaid {

// The ends of a packet as it was sent.
struct EmbeddedTuple {
  IpAddress source;
  IpAddress destination;
  bool is_v6 = false;
  std::uint8_t protocol = 0;  // behind IPv6 extension headers
  // Of TCP, UDP and SCTP; of ICMP queries as icmp_query_ports says; 0 otherwise.
  BigEndian16 source_port;
  BigEndian16 destination_port;

  bool operator==(const EmbeddedTuple&) const = default;
};

// Whether a frame, parsed into `headers`, is an error: ICMP 3, 4, 11 and 12, ICMPv6 1 to 4.
// Redirects (5) are none: routers send them, and the router is the data plane itself.
bool is_icmp_error(std::span<const std::uint8_t> frame, const FrameHeaders& headers);

// The tuple of what an ICMP error quotes. None: it is no error, or is in fragments, or quotes too
// little (8 bytes behind the IP header), a later fragment, another error, ICMP that no connection
// is made of, or a packet of the other family. The quoted packet's own lengths and checksums are
// not asked about: they are cut by rule, and routers on the way have rewritten them.
std::optional<EmbeddedTuple> embedded_tuple(std::span<const std::uint8_t> frame,
                                            const FrameHeaders& headers);

}  // namespace alkaid
