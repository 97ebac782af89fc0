// The hash of flows: keyed and not linear, since guests choose addresses and ports and must not
// choose who shares a bucket. One multiplication of 64 by 64 bits, folded, per pair of words.
#pragma once

#include <array>
#include <cstdint>

namespace alkaid {

// Drawn once per process, before main().
struct FlowSecrets {
  std::array<std::uint64_t, 4> words;

  static FlowSecrets random();
};
extern const FlowSecrets kFlowSecrets;

inline std::uint64_t multiply_fold(std::uint64_t one, std::uint64_t other) {
  const unsigned __int128 product = static_cast<unsigned __int128>(one) * other;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Of a tuple, whatever its zone. addresses: source and destination as they lie in the packet;
// ports: source and destination port likewise, 0 where there are none.
inline std::uint64_t tuple_hash(std::uint64_t addresses, std::uint32_t ports,
                                std::uint8_t protocol) {
  return multiply_fold(
      addresses ^ kFlowSecrets.words[0],
      (std::uint64_t{ports} | std::uint64_t{protocol} << 32) ^ kFlowSecrets.words[1]);
}
inline std::uint64_t tuple_hash(const std::array<std::uint64_t, 2>& source,
                                const std::array<std::uint64_t, 2>& destination,
                                std::uint32_t ports, std::uint8_t protocol) {
  const std::uint64_t ends =
      multiply_fold(source[0] ^ kFlowSecrets.words[0], source[1] ^ kFlowSecrets.words[2]) +
      multiply_fold(destination[0] ^ kFlowSecrets.words[3], destination[1] ^ kFlowSecrets.words[1]);
  return tuple_hash(ends, ports, protocol);
}

// With the scope in which the tuple means something: where the flow's key is looked up. The scope
// is in both factors: in one of them, the keys of one tuple in many zones would be an arithmetic
// progression, which some secrets spread badly over the buckets.
inline std::uint64_t scoped_hash(std::uint64_t tuple, std::uint32_t scope) {
  return multiply_fold(tuple ^ scope, kFlowSecrets.words[2] ^ std::uint64_t{scope} << 32);
}

// What spreads a flow's packets over the underlay's paths (vxlan/entropy.hpp). Tuples that differ
// in a port alone are an arithmetic progression too, of which one secret in a hundred left a path
// with half its share; a second multiplication (by 2^64 over the golden ratio) breaks it up.
inline std::uint32_t entropy_of(std::uint64_t tuple) {
  return static_cast<std::uint32_t>(tuple * 0x9e3779b97f4a7c15ULL >> 32);
}

}  // namespace alkaid
