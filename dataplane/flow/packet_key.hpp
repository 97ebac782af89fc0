// The keys of a packet on the slow path, and of the packets that answer it.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/flow/flow_key.hpp"
#include "dataplane/graph/packet_context.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// ports: as in Key. The packet's headers are of Key's family.
template <class Key>
Key key_of(rte_mbuf* packet, const PacketContext& context, std::uint32_t ports) {
  const Side side = context.from_wire ? Side::kUnderlay : Side::kGuest;
  const std::uint32_t scope =
      flow_scope(flow_context_of(packet).zone, side, context.headers.protocol);
  if constexpr (Key::kIsV6) {
    return Key::of(header_at<Ipv6Header>(packet, context.headers.l3_offset), ports, scope);
  } else {
    return Key::of(header_at<Ipv4Header>(packet, context.headers.l3_offset), ports, scope);
  }
}

// Where answers of `protocol` come in. destination: the guest port that the packet goes to;
// nullptr: into a tunnel, whose other end routes the answers into our guest's segment, `zone`.
inline std::uint32_t reply_scope(const Port* destination, std::uint32_t zone,
                                 FrameHeaders::Kind kind, std::uint8_t protocol) {
  return destination == nullptr ? flow_scope(zone, Side::kUnderlay, protocol)
                                : flow_scope(destination->zone_of(kind), Side::kGuest, protocol);
}

}  // namespace alkaid
