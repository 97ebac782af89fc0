// What a fragment of a datagram says of itself (RFC 791; RFC 8200, 4.5). Pure; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "control/common/net/ip_address.hpp"
#include "dataplane/packet/parse.hpp"

namespace alkaid {

// Instead of a port's index: the fragment came out of a tunnel.
inline constexpr std::uint32_t kFromWire = UINT32_MAX;

// Fragments with equal keys belong to one datagram.
struct FragmentKey {
  IpAddress source;
  IpAddress destination;
  std::uint32_t zone = 0;
  // The guest port that it came from: another guest, even one that may send from any address, can't
  // put words into a datagram; or kFromWire.
  std::uint32_t origin = kFromWire;
  std::uint32_t identification = 0;
  std::uint8_t protocol = 0;  // 0 for IPv6, where fragments may differ in it
  std::uint8_t is_v6 = 0;
  std::uint16_t zero = 0;  // no padding: keys are hashed as they lie in memory

  bool operator==(const FragmentKey&) const = default;
};
static_assert(sizeof(FragmentKey) == 48);

// A part of the datagram's payload, in bytes.
struct FragmentPiece {
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  bool more = false;  // it is not the last one

  [[nodiscard]] constexpr bool is_first() const { return offset == 0; }
};

// What only the first fragment says, and the others are then told.
struct FragmentUpper {
  std::uint8_t protocol = 0;
  // Of TCP, UDP and SCTP; of ICMP queries as icmp_query_ports says; 0 otherwise.
  BigEndian16 source_port;
  BigEndian16 destination_port;

  bool operator==(const FragmentUpper&) const = default;
};

struct Fragment {
  FragmentKey key;  // zone and origin are left to the caller
  FragmentPiece piece;
  FragmentUpper upper;  // of a first fragment
};

// `frame` was parsed into `headers`, whose is_fragment is set.
Fragment describe_fragment(std::span<const std::uint8_t> frame, const FrameHeaders& headers);

}  // namespace alkaid
