// Where a packet goes that just entered a segment and is for no local service.
#pragma once

#include "dataplane/graph/node.hpp"

namespace alkaid {

// gateway_mac: the segment's, of the packet's family. A subnet without a gateway has the zero MAC
// there, which no frame may carry as destination.
template <class Next>
Verdict route_or_bridge(const EthernetHeader& ethernet, const MacAddress& gateway_mac) {
  if (ethernet.destination == gateway_mac && !gateway_mac.is_zero()) {
    return Next::template to<NodeId::kRoute>();
  }
  return Next::template to<NodeId::kBridge>();
}

}  // namespace alkaid
