// Frames as chains of packet buffers, and back.
#pragma once

#include <algorithm>
#include <cstring>

#include <rte_mbuf.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

// At most `room` bytes of the frame in each buffer. nullptr: the pool has too few.
inline rte_mbuf* chain_of(const Bytes& frame, rte_mempool* pool, std::uint16_t room) {
  rte_mbuf* head = nullptr;
  for (std::size_t done = 0; done < frame.size();) {
    rte_mbuf* part = rte_pktmbuf_alloc(pool);
    if (part == nullptr) {
      rte_pktmbuf_free(head);
      return nullptr;
    }
    const auto size = static_cast<std::uint16_t>(std::min<std::size_t>(room, frame.size() - done));
    std::memcpy(rte_pktmbuf_append(part, size), frame.data() + done, size);
    done += size;
    if (head == nullptr) {
      head = part;
    } else {
      rte_pktmbuf_chain(head, part);
    }
  }
  return head;
}

// What the chain holds; it stays the caller's.
inline Bytes bytes_of_chain(const rte_mbuf* packet) {
  Bytes bytes(packet->pkt_len);
  const void* data = rte_pktmbuf_read(packet, 0, packet->pkt_len, bytes.data());
  if (data != bytes.data()) {
    std::memcpy(bytes.data(), data, bytes.size());
  }
  return bytes;
}

}  // namespace alkaid::test
