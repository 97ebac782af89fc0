// Router advertisements (RFC 4861, 4.2) with DNS (RFC 8106), and the solicitations that ask for
// them. No DPDK, no clock; any thread may call anything here, and nothing but
// make_router_advertisement allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/packet/drop_reason.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// What a segment's guests are told, made once when the segment is published. It goes out in one
// packet that every link carries (1,280 bytes); what doesn't fit is left out from the end.
struct RouterAdvertisement {
  MacAddress source_mac;  // of the gateway, or of nobody in a subnet without one
  IpAddress source;       // its link-local address
  // ICMPv6 with a checksum of zero and all options but the MTU, which is the port's. Empty: the
  // segment has no IPv6 prefix, and nothing is advertised.
  std::vector<std::uint8_t> message;

  [[nodiscard]] bool is_empty() const { return message.empty(); }
  bool operator==(const RouterAdvertisement&) const = default;
};

inline constexpr std::size_t kLargestRouterAdvertisementFrame = sizeof(EthernetHeader) + 1280;

// Flags by the address mode; one prefix information for each IPv6 prefix, on-link, with A for a /64
// unless addresses come from DHCPv6; the router's lifetime is 0 (not a default router) without an
// IPv6 gateway.
[[nodiscard]] RouterAdvertisement make_router_advertisement(const SegmentConfig& config);

// Where an advertisement goes.
struct RouterAdvertisementTarget {
  MacAddress mac;
  IpAddress address;
};
[[nodiscard]] RouterAdvertisementTarget all_nodes();

// Writes a whole frame with checksum; mtu (bytes of IP packet) below 1,280 is not told. Returns its
// length, 0 if the output is smaller than kLargestRouterAdvertisementFrame. The advertisement isn't
// empty.
std::size_t write_router_advertisement(const RouterAdvertisement& advertisement, std::uint16_t mtu,
                                       const RouterAdvertisementTarget& target,
                                       std::span<std::uint8_t> output) noexcept;

// Checks a router solicitation (RFC 4861, 6.1.1); message: ICMPv6 to the packet's end. kNone or
// router_solicitation_malformed.
[[nodiscard]] DropReason check_router_solicitation(const Ipv6Header& ip,
                                                   std::span<const std::uint8_t> message) noexcept;

}  // namespace alkaid
