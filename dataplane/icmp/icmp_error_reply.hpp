// Turning a packet that could not be forwarded into the ICMP error about it, per address family.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/graph/packet_context.hpp"
#include "dataplane/tables/segment_table.hpp"

namespace alkaid {

// `segment` is the guest's own: a routed packet's context may already name the next one. In a
// subnet without a gateway the error comes from the packet's own destination, as nobody else on the
// link could tell (path MTU discovery would fail otherwise).

// True if the packet's drop reason has an error and RFC 1812, 4.3.2.7, allows one about it.
bool may_answer_v4(rte_mbuf* packet, const PacketContext& context);
// False if there was no room in the buffer; the packet is then no longer of use.
bool turn_into_error_v4(rte_mbuf* packet, const PacketContext& context, const Segment& segment);

// The same for IPv6: RFC 4443, 2.4 (e).
bool may_answer_v6(rte_mbuf* packet, const PacketContext& context);
bool turn_into_error_v6(rte_mbuf* packet, const PacketContext& context, const Segment& segment);

// Cuts the packet behind `length` bytes of its first buffer.
inline void cut_to(rte_mbuf* packet, std::uint16_t length) {
  if (packet->nb_segs > 1) {
    rte_pktmbuf_free(packet->next);
    packet->next = nullptr;
    packet->nb_segs = 1;
  }
  packet->data_len = length;
  packet->pkt_len = length;
}

}  // namespace alkaid
