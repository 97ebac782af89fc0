// Fetches ahead of `connect` what a packet's connection will touch: of a new one nothing is in any
// cache, and one miss after the other would cost more than all the rest.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/flow/packet_key.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

template <class Key>
void prefetch_connection_of(Worker& worker, rte_mbuf* packet) {
  const PacketContext& context = context_of(packet);
  const FrameHeaders& headers = context.headers;
  const ConnectionTable<Key>& table = worker.flows().table<Key>();
  const Key key =
      key_of<Key>(packet, context, raw_ports(headers.source_port, headers.destination_port));
  const Port* destination =
      context.egress == kNoPort ? nullptr : worker.ports().find(context.egress);
  table.prefetch_bucket(key.hash());
  table.prefetch_bucket(
      key.reversed(reply_scope(destination, zone_of(key.scope), headers.kind, headers.protocol))
          .hash());
}

inline void prefetch_connection(Worker& worker, rte_mbuf* packet) {
  const FrameHeaders& headers = context_of(packet).headers;
  if (headers.protocol != ip_protocol::kTcp && headers.protocol != ip_protocol::kUdp) {
    return;
  }
  if (headers.kind == FrameHeaders::Kind::kIpv6) {
    prefetch_connection_of<FlowKeyV6>(worker, packet);
  } else {
    prefetch_connection_of<FlowKeyV4>(worker, packet);
  }
}

}  // namespace alkaid
