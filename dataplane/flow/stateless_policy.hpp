// Packets that go to many, and so belong to no connection, as security groups see them.
#pragma once

#include <optional>

#include <rte_mbuf.h>

#include "dataplane/flow/policy_check.hpp"
#include "dataplane/flow/trackable.hpp"
#include "dataplane/graph/packet_context.hpp"

namespace alkaid {

// None: no policy holds for address resolution.
inline std::optional<OpeningPacket> policy_packet_of(rte_mbuf* packet,
                                                     const FrameHeaders& headers) {
  if (headers.kind == FrameHeaders::Kind::kArp || headers.is_nd) {
    return std::nullopt;
  }
  OpeningPacket result{.protocol = headers.protocol,
                       .selector = trackable_of(packet, headers).selector};
  if (headers.kind == FrameHeaders::Kind::kIpv6) {
    const auto& ip = header_at<Ipv6Header>(packet, headers.l3_offset);
    result.ipv6 = true;
    result.source = IpAddress{ip.source};
    result.destination = IpAddress{ip.destination};
  } else {
    const auto& ip = header_at<Ipv4Header>(packet, headers.l3_offset);
    result.source = IpAddress{ip.source};
    result.destination = IpAddress{ip.destination};
  }
  return result;
}

}  // namespace alkaid
