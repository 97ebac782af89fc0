// Fetches ahead of `connect` what a packet's connection will touch: of a new one nothing is in any
// cache, and one miss after the other would cost more than all the rest.
#pragma once

#include <rte_mbuf.h>

#include "dataplane/flow/flow_key.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

template <class Key>
void prefetch_connection(Worker& worker, const Key& key, const PacketContext& context) {
  const ConnectionTable<Key>& table = worker.flows().table<Key>();
  table.prefetch_bucket(key.hash());
  const Port* destination =
      context.egress == kNoPort ? nullptr : worker.ports().find(context.egress);
  const std::uint32_t zone =
      destination == nullptr ? zone_of(key.scope) : destination->zone_of(context.headers.kind);
  const Side side = destination == nullptr ? Side::kUnderlay : Side::kGuest;
  table.prefetch_bucket(key.reversed(flow_scope(zone, side, context.headers.protocol)).hash());
}

inline void prefetch_connection(Worker& worker, rte_mbuf* packet) {
  const PacketContext& context = context_of(packet);
  const FrameHeaders& headers = context.headers;
  if (headers.protocol != ip_protocol::kTcp && headers.protocol != ip_protocol::kUdp) {
    return;
  }
  const std::uint32_t ports = raw_ports(headers.source_port, headers.destination_port);
  const std::uint32_t scope =
      flow_scope(flow_context_of(packet).zone, context.from_wire ? Side::kUnderlay : Side::kGuest,
                 headers.protocol);
  if (headers.kind == FrameHeaders::Kind::kIpv6) {
    prefetch_connection(
        worker, FlowKeyV6::of(header_at<Ipv6Header>(packet, headers.l3_offset), ports, scope),
        context);
  } else {
    prefetch_connection(
        worker, FlowKeyV4::of(header_at<Ipv4Header>(packet, headers.l3_offset), ports, scope),
        context);
  }
}

}  // namespace alkaid
