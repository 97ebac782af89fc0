// What packets wait for, and who waits.
#pragma once

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"

namespace alkaid {

// A neighbor by the address that was looked for: either ip or mac is set.
struct AwaitedAddress {
  IpAddress ip;
  Vni vni;
  MacAddress mac;

  bool operator==(const AwaitedAddress&) const = default;

  // Not linear: guests choose addresses. `secret`: random.
  [[nodiscard]] std::uint64_t hash(std::uint64_t secret) const {
    const auto mix = [](std::uint64_t one, std::uint64_t other) {
      const unsigned __int128 product = static_cast<unsigned __int128>(one) * other;
      return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    const std::uint64_t station = mix(mac.number() ^ secret, kOdd) ^ vni.number();
    return mix(mix(ip.high() ^ secret, ip.low() ^ std::rotl(secret, 32)) ^ secret, station ^ kOdd);
  }
};

// One port that waits for it. generation: Port::generation.
struct Waiter {
  std::uint32_t port = 0;
  std::uint32_t generation = 0;

  auto operator<=>(const Waiter&) const = default;
};

struct WaiterKey {
  AwaitedAddress address;
  Waiter waiter;

  bool operator==(const WaiterKey&) const = default;
};

// What the control thread is told of a packet whose neighbor is missing.
struct RaisedMiss {
  WaiterKey key;
  Vni source_vni;
  IpAddress source;
  IpAddress destination;
  std::uint16_t ether_type = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t protocol = 0;
};

}  // namespace alkaid
