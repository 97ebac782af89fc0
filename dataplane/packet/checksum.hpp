// Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Sums are kept in memory byte order: the ones' complement sum commutes with swapping bytes, so no
// conversion is needed as long as both sides are raw.

// Adds `length` bytes at `data` to a running sum. An odd length is only allowed in the last piece.
// For headers: few bytes.
inline std::uint64_t checksum_add_header(std::uint64_t sum, const void* data, std::size_t length) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  while (length >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    sum += word;
    sum += sum < word ? 1 : 0;  // end-around carry
    bytes += 8;
    length -= 8;
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes, length);
  sum += rest;
  sum += sum < rest ? 1 : 0;
  return sum;
}

// The same for any length.
inline std::uint64_t checksum_add(std::uint64_t sum, const void* data, std::size_t length) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  if (length >= 32) {
    // Four sums side by side: one alone waits for its own carry at every step.
    std::uint64_t sums[4] = {sum, 0, 0, 0};
    do {
      for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t word;
        std::memcpy(&word, bytes + 8 * i, 8);
        sums[i] += word;
        sums[i] += sums[i] < word ? 1 : 0;
      }
      bytes += 32;
      length -= 32;
    } while (length >= 32);
    sum = sums[0];
    for (std::size_t i = 1; i < 4; ++i) {
      sum += sums[i];
      sum += sum < sums[i] ? 1 : 0;
    }
  }
  return checksum_add_header(sum, bytes, length);
}

// Folds a running sum to 16 bits, memory order, not complemented.
constexpr std::uint16_t checksum_fold(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// The checksum to write for the bytes whose running sum this is.
constexpr BigEndian16 checksum_finish(std::uint64_t sum) {
  return BigEndian16::from_raw(static_cast<std::uint16_t>(~checksum_fold(sum)));
}

// True if the header's checksum is right. The header's length must have been checked.
inline bool ipv4_checksum_ok(const Ipv4Header& ip) {
  return checksum_fold(checksum_add_header(0, &ip, ip.header_length())) == 0xffff;
}

inline void ipv4_checksum_set(Ipv4Header& ip) {
  ip.checksum = BigEndian16{};
  ip.checksum = checksum_finish(checksum_add_header(0, &ip, ip.header_length()));
}

// RFC 1624, equation 3: HC' = ~(~HC + ~m + m'), for one 16-bit word that changed.
constexpr BigEndian16 checksum_update(BigEndian16 checksum, BigEndian16 before, BigEndian16 after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum.raw());
  sum += static_cast<std::uint16_t>(~before.raw());
  sum += after.raw();
  return checksum_finish(sum);
}

// TTL minus one with the checksum kept right. TTL must be above zero. The upper half of a word is
// less by one, so the checksum is more by as much, in ones' complement: what RFC 1624, equation 3
// comes to.
inline void ipv4_decrement_ttl(Ipv4Header& ip) {
  --ip.ttl;
  std::uint32_t sum = std::uint32_t{ip.checksum.raw()} + BigEndian16{0x0100}.raw();
  sum += sum >= 0xffff ? 1 : 0;
  ip.checksum = BigEndian16::from_raw(static_cast<std::uint16_t>(sum));
}

// Running sum of the IPv4 pseudo-header (RFC 9293, 3.1): addresses, protocol, L4 length in bytes.
inline std::uint64_t ipv4_pseudo_header_sum(const Ipv4Header& ip, std::uint16_t l4_length) {
  std::uint64_t sum = static_cast<std::uint64_t>(ip.source.raw()) + ip.destination.raw();
  sum += BigEndian16{ip.protocol}.raw();
  sum += BigEndian16{l4_length}.raw();
  return sum;
}

// The same for IPv6 (RFC 8200, 8.1); protocol is that of the upper layer.
inline std::uint64_t ipv6_pseudo_header_sum(const Ipv6Header& ip, std::uint8_t protocol,
                                            std::uint32_t l4_length) {
  std::uint64_t sum = checksum_add(0, ip.source.data(), 32);
  const std::uint64_t rest =
      static_cast<std::uint64_t>(BigEndian16{protocol}.raw()) + BigEndian32{l4_length}.raw();
  sum += rest;
  sum += sum < rest ? 1 : 0;
  return sum;
}
static_assert(offsetof(Ipv6Header, destination) == offsetof(Ipv6Header, source) + 16);

}  // namespace alkaid
