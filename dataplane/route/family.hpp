// What routing IPv4 and IPv6 packets differ in.
#pragma once

#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/route/gateway_address.hpp"

namespace alkaid {

struct Ipv4Family {
  using Header = Ipv4Header;
  using Address = Ipv4Address;

  static Address destination(const Header& ip) { return ip.destination; }
  static const MacAddress& gateway_mac(const Segment& segment) { return segment.gateway_v4_mac; }
  // Every address may leave its link.
  static bool is_confined(const Header& /*ip*/) { return false; }
  static std::uint8_t hops_left(const Header& ip) { return ip.ttl; }
  static void take_hop(Header& ip) { ipv4_decrement_ttl(ip); }
};

struct Ipv6Family {
  using Header = Ipv6Header;
  using Address = IpAddress;

  static Address destination(const Header& ip) { return IpAddress{ip.destination}; }
  static const MacAddress& gateway_mac(const Segment& segment) { return segment.gateway_v6_mac; }
  // RFC 4291, 2.5.2 and 2.5.6: unspecified and link-local addresses don't leave their link.
  // Multicast is not routed.
  static bool is_confined(const Header& ip) {
    const IpAddress source{ip.source};
    return ip.destination[0] == 0xff || is_link_local(IpAddress{ip.destination}) ||
           is_link_local(source) || source.is_unset();
  }
  static std::uint8_t hops_left(const Header& ip) { return ip.hop_limit; }
  static void take_hop(Header& ip) { --ip.hop_limit; }
};

}  // namespace alkaid
