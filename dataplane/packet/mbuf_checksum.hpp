// Checksums over packets of several buffers.
#pragma once

#include <algorithm>
#include <cstdint>

#include <rte_mbuf.h>

#include "dataplane/packet/checksum.hpp"

namespace alkaid {

// Adds `length` bytes from `offset` to a running sum; the packet holds them, in however many
// buffers.
inline std::uint64_t checksum_add_packet(std::uint64_t sum, const rte_mbuf* packet,
                                         std::size_t offset, std::size_t length) {
  while (offset >= packet->data_len && packet->next != nullptr) {
    offset -= packet->data_len;
    packet = packet->next;
  }
  bool is_odd = false;  // the bytes so far end in the middle of a word
  for (; length > 0 && packet != nullptr; packet = packet->next, offset = 0) {
    const std::size_t size = std::min<std::size_t>(length, packet->data_len - offset);
    const std::uint64_t part =
        checksum_add(0, rte_pktmbuf_mtod_offset(packet, const char*, offset), size);
    // A piece that begins at an odd offset counts with its bytes swapped (RFC 1071, 2).
    const std::uint64_t word = is_odd ? byte_swap(checksum_fold(part)) : checksum_fold(part);
    sum += word;
    sum += sum < word ? 1 : 0;
    is_odd ^= size % 2 != 0;
    length -= size;
  }
  return sum;
}

}  // namespace alkaid
