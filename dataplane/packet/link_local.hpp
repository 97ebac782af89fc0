// Link-local IPv6 addresses and the MAC addresses of IPv6 groups.
#pragma once

#include <cstdint>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid {

// fe80::/64 with the modified EUI-64 of the MAC (RFC 4291, 2.5.6 and appendix A).
constexpr IpAddress link_local_address(const MacAddress& mac) {
  const std::uint64_t number = mac.number() ^ 0x020000000000ULL;
  return IpAddress::from_numbers(0xfe80000000000000ULL,
                                 (number >> 24) << 40 | 0xfffeULL << 24 | (number & 0xffffffULL));
}

// fe80::/10 (RFC 4291, 2.5.6).
constexpr bool is_link_local(const IpAddress& address) {
  return (address.high() >> 54) == (0xfe80000000000000ULL >> 54);
}

// 33:33 and the last four bytes (RFC 2464, 7).
constexpr MacAddress multicast_mac(const IpAddress& group) {
  return MacAddress::from_number(0x333300000000ULL | (group.low() & 0xffffffffULL));
}

inline constexpr IpAddress kAllNodes = IpAddress::from_numbers(0xff02000000000000ULL, 1);
inline constexpr IpAddress kAllRouters = IpAddress::from_numbers(0xff02000000000000ULL, 2);

// What router advertisements and DHCPv6 come from in a subnet that has no IPv6 gateway: the same on
// every host, so that a guest that moves finds its server again.
inline constexpr MacAddress kServerMacWithoutIpv6Gateway =
    MacAddress::from_number(0xfe1611ffffffULL);

}  // namespace alkaid
