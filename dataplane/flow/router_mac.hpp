// The source MAC of packets that a router, which is on every host, has put into a segment.
#pragma once

#include "control/common/net/mac_address.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// to_port: to a guest of this host, which knows the gateway's MAC; other hosts know ours.
template <class Key>
const MacAddress& router_mac(const Segment& segment, bool to_port) {
  const MacAddress& gateway = Key::kIsV6 ? segment.gateway_v6_mac : segment.gateway_v4_mac;
  return to_port && !gateway.is_zero() ? gateway : segment.host_dvr_mac;
}

}  // namespace alkaid
