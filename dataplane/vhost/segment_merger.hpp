// TCP segments on their way to a guest, put together again (generic receive offload): its driver
// gets one large packet for many, as if another guest had left it to be cut (left_to_device.hpp).
// Design: docs/design/vhost.md.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/vhost/driver_offloads.hpp"
#include "dataplane/vhost/merged_segments.hpp"

namespace alkaid {

// A frame shorter than that is never looked at.
inline constexpr std::uint32_t kLeastMerged = 512;

struct MergedBurst {
  std::uint16_t left = 0;  // packets, in order, in front of the burst
  MergedSegments merged;
};

// Puts together what can be of the packets of one burst to one guest; any worker. Those that became
// part of another one are its buffers.
//
// A segment goes behind another one if it is its continuation in the same connection: whole IPv4
// without options or IPv6 without extension headers, the same Ethernet header, addresses, ports,
// TOS or traffic class and flow label, TTL, DF; ACK, the same acknowledgment, window, urgent
// pointer and options, no other flag but PSH; identifications that count on, or stay with DF; a
// right checksum; a payload not larger than the first one's. A smaller one, or one with PSH, is the
// last. Nothing of the same two addresses that stands between them is overtaken. No packet is
// larger than 64 KiB.
MergedBurst merge_segments(rte_mbuf** packets, std::uint16_t count, const DriverOffloads& offloads);

}  // namespace alkaid
