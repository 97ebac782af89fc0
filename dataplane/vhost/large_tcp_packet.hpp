// TCP packets that a guest left to its device to be cut into segments (TSO; virtio 1.2, 5.1.6.2).
#pragma once

#include <cstdint>
#include <optional>

#include <rte_mbuf.h>

#include "dataplane/packet/parse.hpp"

namespace alkaid {

// A view of such a packet, IPv4 or IPv6 with any extension headers, which must outlive it. Any
// thread.
class LargeTcpPacket {
 public:
  // A packet of 64 KiB has 45 segments of 1,448 bytes; a guest that asks for crumbs gets none.
  static constexpr std::uint32_t kMostSegments = 128;

  // payload: bytes of TCP payload in a segment. nullopt: it is malformed, no TCP or would be more
  // than kMostSegments.
  static std::optional<LargeTcpPacket> parse(const rte_mbuf* packet, std::uint16_t payload);

  [[nodiscard]] std::uint32_t segments() const {
    return payload_end_ <= header_end_
               ? 1
               : (payload_end_ - header_end_ + payload_size_ - 1U) / payload_size_;
  }
  // Segment `number` of segments(): with a sequence number, lengths, identification, flags and
  // checksums of its own (as RFC 9293 and, for CWR, RFC 3168, 6.1.2 want it). nullptr: the pool has
  // no buffer. Its data are copies.
  [[nodiscard]] rte_mbuf* segment(std::uint32_t number, rte_mempool* pool) const;

 private:
  LargeTcpPacket() = default;

  const rte_mbuf* packet_ = nullptr;
  FrameHeaders headers_;
  std::uint32_t header_end_ = 0;   // offset behind the TCP header, all in the first buffer
  std::uint32_t payload_end_ = 0;  // behind it may be padding
  std::uint32_t payload_size_ = 0;
};

}  // namespace alkaid
