// Whether a frame of the uplink goes to the host's kernel.
#pragma once

#include "dataplane/graph/node.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// To exception-output if there is an exception TAP and the frame is to this host or to a group,
// otherwise what the data plane does with it on its own.
template <class Next>
Verdict to_host(Worker& worker, rte_mbuf* packet, const PacketContext& context, Verdict otherwise) {
  const MacAddress& destination = header_at<EthernetHeader>(packet, 0).destination;
  const bool is_to_host = destination.is_multicast() || destination == context.ingress->mac;
  return is_to_host && worker.underlay().exception.load(std::memory_order_relaxed) != kNoPort
             ? Next::template to<NodeId::kExceptionOutput>()
             : otherwise;
}

}  // namespace alkaid
