// Explicit congestion notification across tunnels (RFC 6040).
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kEcnNotCapable = 0x00;
inline constexpr std::uint8_t kEcnCapable1 = 0x01;  // ECT(1)
inline constexpr std::uint8_t kEcnCapable0 = 0x02;  // ECT(0)
inline constexpr std::uint8_t kEcnCongested = 0x03;

// What a decapsulated packet leaves with (RFC 6040, figure 4); nullopt: it must be dropped.
constexpr std::optional<std::uint8_t> decapsulated_ecn(std::uint8_t inner, std::uint8_t outer) {
  if (outer == kEcnCongested) {
    return inner == kEcnNotCapable ? std::nullopt : std::optional{kEcnCongested};
  }
  return outer == kEcnCapable1 && inner == kEcnCapable0 ? kEcnCapable1 : inner;
}

// Sets the ECN field of an IPv4 header, keeping its checksum right.
inline void set_ecn(Ipv4Header& ip, std::uint8_t ecn) {
  const auto word = [&ip] {
    return BigEndian16{static_cast<std::uint16_t>(ip.version_ihl << 8 | ip.tos)};
  };
  const BigEndian16 before = word();
  ip.tos = static_cast<std::uint8_t>((ip.tos & ~kEcnMask) | ecn);
  ip.checksum = checksum_update(ip.checksum, before, word());
}

inline std::uint8_t ecn_of(const Ipv4Header& ip) {
  return ip.tos & kEcnMask;
}

inline std::uint8_t ecn_of(const Ipv6Header& ip) {
  return static_cast<std::uint8_t>(ip.version_class_label.host() >> 20 & kEcnMask);
}

inline void set_ecn(Ipv6Header& ip, std::uint8_t ecn) {
  const std::uint32_t cleared = ip.version_class_label.host() & ~(std::uint32_t{kEcnMask} << 20);
  ip.version_class_label = BigEndian32{cleared | std::uint32_t{ecn} << 20};
}

}  // namespace alkaid
