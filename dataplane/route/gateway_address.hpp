// Which addresses of a segment are the distributed router's own.
#pragma once

#include "dataplane/packet/link_local.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// The MAC of the segment's IPv6 gateway, or what stands for it in a segment without one.
inline const MacAddress& router_mac_v6(const Segment& segment) {
  return segment.gateway_v6_mac.is_zero() ? kServerMacWithoutIpv6Gateway : segment.gateway_v6_mac;
}

inline bool is_gateway_address(const Segment& segment, Ipv4Address address) {
  return address == segment.gateway_v4;
}

// The configured address, or the link-local one that every router has (RFC 4291, 2.8).
inline bool is_gateway_address(const Segment& segment, const IpAddress& address) {
  return (address == segment.gateway_v6 && !address.is_unset()) ||
         (is_link_local(address) && address == link_local_address(router_mac_v6(segment)));
}

}  // namespace alkaid
