// Where an IPv6 packet goes that just entered a segment, from a guest or out of a tunnel.
#pragma once

#include "dataplane/graph/node.hpp"
#include "dataplane/route/route_or_bridge.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

template <class Next>
Verdict classify_ipv6(const EthernetHeader& ethernet, const PacketContext& context) {
  const FrameHeaders& headers = context.headers;
  if (headers.is_nd) [[unlikely]] {
    return Next::template to<NodeId::kNd>();
  }
  if (headers.is_mld) [[unlikely]] {
    // Stations report what groups they listen to as a matter of course; nobody here keeps score.
    return Next::template to<NodeId::kConsume>();
  }
  if (headers.is_fragment) [[unlikely]] {
    return Next::template to<NodeId::kFragmentTracking>();
  }
  return route_or_bridge<Next>(ethernet, context.segment->gateway_v6_mac);
}

}  // namespace alkaid
