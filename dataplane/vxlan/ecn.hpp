// Explicit congestion notification across tunnels (RFC 6040).
#pragma once

#include <cstdint>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kEcnNotCapable = 0x00;
inline constexpr std::uint8_t kEcnCongested = 0x03;

// Sets the ECN field of an IPv4 header, keeping its checksum right.
inline void set_ecn(Ipv4Header& ip, std::uint8_t ecn) {
  const auto word = [&ip] {
    return BigEndian16{static_cast<std::uint16_t>(ip.version_ihl << 8 | ip.tos)};
  };
  const BigEndian16 before = word();
  ip.tos = static_cast<std::uint8_t>((ip.tos & ~kEcnMask) | ecn);
  ip.checksum = checksum_update(ip.checksum, before, word());
}

inline std::uint8_t ecn_of(const Ipv6Header& ip) {
  return static_cast<std::uint8_t>(ip.version_class_label.host() >> 20 & kEcnMask);
}

inline void set_ecn(Ipv6Header& ip, std::uint8_t ecn) {
  const std::uint32_t cleared = ip.version_class_label.host() & ~(std::uint32_t{kEcnMask} << 20);
  ip.version_class_label = BigEndian32{cleared | std::uint32_t{ecn} << 20};
}

}  // namespace alkaid
