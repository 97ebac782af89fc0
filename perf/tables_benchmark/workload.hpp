// What the tables are filled with: 1,000 neighbors per VNI, each VNI's spread over 10 hosts, so
// that a million neighbors stand behind 10,000 tunnels; routes of 24 (IPv6: 64) bits in tables of
// 1,000.
#pragma once

#include <cstdint>

#include "dataplane/tables/objects.hpp"

namespace alkaid::perf {

inline constexpr std::uint32_t kPerSubnet = 1000;

inline IpAddress neighbor_address(std::uint32_t number, bool ipv6) {
  const std::uint32_t host = number % kPerSubnet + 2;
  const std::uint32_t subnet = number / kPerSubnet;
  return ipv6
             ? IpAddress::from_numbers(0x20010db800000000ULL + subnet, 0x0200000000000000ULL + host)
             : IpAddress{Ipv4Address{0x0a000000 + (subnet % 4096 << 12) + host}};
}

inline NeighborConfig neighbor(std::uint32_t number, bool ipv6) {
  const std::uint32_t subnet = number / kPerSubnet;
  return {{Vni::from_trusted(subnet + 1), neighbor_address(number, ipv6)},
          MacAddress::from_number(0x020000000000 + number),
          IpAddress{Ipv4Address{0xac100002 + (subnet + number % 10) % 250}}};
}

inline RouteConfig route(std::uint32_t number, bool ipv6) {
  const IpPrefix prefix =
      ipv6 ? IpPrefix{IpAddress::from_numbers(0x20010db800000000ULL + number, 0), 64}
           : IpPrefix{IpAddress{Ipv4Address{0x0b000000 + (number << 8)}}, 24};
  const NextHopAction action{neighbor_address(number, ipv6)};
  return {{1 + number / kPerSubnet, prefix}, action};
}

}  // namespace alkaid::perf
