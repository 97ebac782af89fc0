// What DHCPv6 tells the guests of a segment, in the form that packets need: made once when the
// segment is published. No DPDK; any thread may read it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// DUID-LL (RFC 8415, 11.4) of the gateway's MAC: the same on every host and after every restart, so
// a guest that moves keeps its server.
struct Dhcpv6ServerIdentifier {
  BigEndian16 type{3};
  BigEndian16 hardware_type{1};
  MacAddress mac;
};
static_assert(sizeof(Dhcpv6ServerIdentifier) == 10);

inline constexpr std::uint32_t kDhcpv6DefaultLeaseSeconds = 86400;
inline constexpr std::uint32_t kDhcpv6InfiniteLease = 0xffffffff;  // RFC 8415, 7.7

struct Dhcpv6Settings {
  bool enabled = false;
  Ipv6AddressMode mode = Ipv6AddressMode::kDhcpv6Stateful;
  Dhcpv6ServerIdentifier server;
  IpAddress server_address;  // the gateway's link-local address, which replies come from
  // Ends a client's wait for better offers (RFC 8415, 18.2.1): there is one server.
  std::uint8_t preference = 255;
  std::uint32_t lease_seconds = kDhcpv6DefaultLeaseSeconds;
  std::vector<IpPrefix> prefixes;           // what is on the link
  std::vector<std::uint8_t> dns_servers;    // value of option 23; empty: not told
  std::vector<std::uint8_t> domain_search;  // value of option 24; empty: not told
  std::vector<std::uint8_t> domain_name;    // on the wire, behind guests' host names
  std::vector<DhcpOptionConfig> more;       // sent as they are, instead of what follows from above
};

// The settings of a segment that was found valid.
[[nodiscard]] Dhcpv6Settings make_dhcpv6_settings(const SegmentConfig& config);

// What is wrong with the segment's dhcpv6_options.
struct Dhcpv6ConfigError {
  std::string field;
  std::string message;
};
[[nodiscard]] std::optional<Dhcpv6ConfigError> check_dhcpv6_options(const SegmentConfig& config);

}  // namespace alkaid
