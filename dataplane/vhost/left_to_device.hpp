// What a guest leaves to its virtio device (virtio 1.2, 5.1.6.2), as it is carried with a frame: in
// the mbuf's flags, as librte_vhost sets them. Frames bear these marks as far as guest-flow and
// guest-input, which do the work or hand it on, to the next guest's driver or to the uplink's card
// (leave_to_card.hpp). Of what the guest has said beside it (where headers are) nothing is
// believed: all is found in the frame again.
#pragma once

#include <cstdint>
#include <optional>

#include <rte_mbuf.h>

#include "dataplane/packet/parse.hpp"

namespace alkaid {

inline constexpr std::uint64_t kLeftToDevice = RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO;

// The checksum of TCP or UDP: the field holds the sum of the pseudo-header.
inline bool is_checksum_left(const rte_mbuf* packet) {
  return (packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

// To be cut into segments of tso_segsz bytes of payload; its checksum is left, too.
inline bool is_large(const rte_mbuf* packet) {
  return (packet->ol_flags & RTE_MBUF_F_RX_LRO) != 0;
}

// Computes the checksum if it is left, over all buffers of the packet, and takes the marks off.
// headers: of the frame, all in the first buffer.
void complete_left_checksum(rte_mbuf* packet, const FrameHeaders& headers);

// What a large packet would be cut into.
struct CutTcp {
  std::uint32_t header_length = 0;  // of a frame: Ethernet, IP and TCP
  std::uint32_t segments = 0;
};

// Of a large packet with these headers, which the fast path has checked (quick_parse.hpp): nullopt
// unless a guest whose port has this MTU can have it as it is. It holds to the limits of what we
// cut (LargeTcpPacket): it is TCP, no segment would be larger than the MTU, all headers are in the
// first buffer, and it is no heap of crumbs. Besides, nothing is behind its end, and nothing in its
// header is meant for the first segment alone (CWR; RFC 3168, 6.1.2).
std::optional<CutTcp> stay_large(const rte_mbuf* packet, const FrameHeaders& headers,
                                 std::uint16_t mtu);

// Turns the marks of a packet with these headers, of TCP or UDP, into what librte_vhost writes for
// the next driver. cut: nullopt if it is not to be cut.
void leave_to_driver(rte_mbuf* packet, const FrameHeaders& headers,
                     const std::optional<CutTcp>& cut);

// A frame on its way to a guest whose driver finishes it, or to a card.
inline bool is_left_to_driver(const rte_mbuf* packet) {
  return (packet->ol_flags & RTE_MBUF_F_TX_L4_MASK) != 0;
}
inline bool is_cut_by_driver(const rte_mbuf* packet) {
  return (packet->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0;
}
// Frames that such packets stand for beside themselves, and what these add to their bytes.
struct MoreFrames {
  std::uint32_t frames = 0;
  std::uint64_t bytes = 0;
};
MoreFrames more_frames(rte_mbuf* const* packets, std::uint16_t count);

// Makes sure that the sum of the pseudo-header of a packet that is to be cut has its length in it,
// as Linux wants it of a packet that it cuts by itself (a router, a VPN): librte_vhost would write
// the sum without it (rte_net_intel_cksum_prepare), but leaves headers alone that end behind the
// first buffer. False: the pool has no buffer for what follows.
bool keep_pseudo_header_sum(rte_mbuf* packet, rte_mempool* pool);

}  // namespace alkaid
