// Hash tables for what a host has a million of: open addressing, no allocation per entry.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <random>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "control/agent/reconcile/objects.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

// Drawn once per process: clients choose the addresses, and must not choose which of them collide.
inline const std::array<std::uint64_t, 2> kAddressSecrets = [] {
  std::random_device random;
  const auto word = [&random] { return std::uint64_t{random()} << 32 | random(); };
  return std::array{word(), word()};
}();

// Every bit of the result depends on every bit of the key: these tables take some from either end,
// and addresses of a subnet differ in few.
struct AddressHash {
  std::size_t operator()(const IpAddress& address) const noexcept { return mix(address, 0); }
  std::size_t operator()(const NeighborKey& key) const noexcept {
    return mix(key.address, key.vni.number());
  }

 private:
  static std::uint64_t multiply(std::uint64_t one, std::uint64_t other) {
    const unsigned __int128 product = static_cast<unsigned __int128>(one) * other;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t mix(const IpAddress& address, std::uint64_t more) {
    const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(address.bytes());
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    return multiply(multiply(words[0] ^ kAddressSecrets[0], words[1] ^ kAddressSecrets[1]) ^ more,
                    kOdd);
  }
};

// References into them end with the next insertion.
template <class Key, class Value>
using FlatMap = absl::flat_hash_map<Key, Value, AddressHash>;
template <class Key>
using FlatSet = absl::flat_hash_set<Key, AddressHash>;

}  // namespace alkaid::agent
