// What a flow is looked up by: the tuple of its packets and the scope in which their addresses mean
// something. Two words of 64 bits for IPv4, five for IPv6.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "control/common/net/ip_address.hpp"
#include "dataplane/flow/flow_hash.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Where a packet came in: from a guest, or out of a tunnel.
enum class Side : std::uint8_t { kGuest = 0, kUnderlay = 1 };

// Zone (23 bits), side (1 bit) and IP protocol (8 bits).
constexpr std::uint32_t flow_scope(std::uint32_t zone, Side side, std::uint8_t protocol) {
  return zone << 9 | static_cast<std::uint32_t>(side) << 8 | protocol;
}
constexpr std::uint8_t protocol_of(std::uint32_t scope) {
  return static_cast<std::uint8_t>(scope);
}
constexpr Side side_of(std::uint32_t scope) {
  return static_cast<Side>(scope >> 8 & 1);
}
constexpr std::uint32_t zone_of(std::uint32_t scope) {
  return scope >> 9;
}

// Ports as they lie in a packet: source first.
inline std::uint32_t raw_ports(BigEndian16 source, BigEndian16 destination) {
  return std::bit_cast<std::uint32_t>(std::array{source.raw(), destination.raw()});
}
inline std::uint32_t swapped_ports(std::uint32_t ports) {
  return ports << 16 | ports >> 16;
}
inline std::uint16_t source_port_of(std::uint32_t ports) {
  return BigEndian16::from_raw(std::bit_cast<std::array<std::uint16_t, 2>>(ports)[0]).host();
}
inline std::uint16_t destination_port_of(std::uint32_t ports) {
  return BigEndian16::from_raw(std::bit_cast<std::array<std::uint16_t, 2>>(ports)[1]).host();
}

struct FlowKeyV4 {
  static constexpr bool kIsV6 = false;

  std::uint64_t addresses = 0;  // source, destination as they lie in the packet
  std::uint32_t ports = 0;
  std::uint32_t scope = 0;

  static FlowKeyV4 of(const Ipv4Header& ip, std::uint32_t ports, std::uint32_t scope) {
    FlowKeyV4 key{.ports = ports, .scope = scope};
    std::memcpy(&key.addresses, &ip.source, sizeof(key.addresses));
    return key;
  }

  static FlowKeyV4 of(const IpAddress& source, const IpAddress& destination, std::uint32_t ports,
                      std::uint32_t scope) {
    const std::array ends{source.v4(), destination.v4()};
    return {std::bit_cast<std::uint64_t>(ends), ports, scope};
  }

  [[nodiscard]] std::uint64_t tuple() const {
    return tuple_hash(addresses, ports, protocol_of(scope));
  }
  [[nodiscard]] std::uint64_t hash() const { return scoped_hash(tuple(), scope); }
  // Of the packets that answer.
  [[nodiscard]] FlowKeyV4 reversed(std::uint32_t reply_scope) const {
    return {std::rotl(addresses, 32), swapped_ports(ports), reply_scope};
  }
  [[nodiscard]] IpAddress source() const { return address(0); }
  [[nodiscard]] IpAddress destination() const { return address(4); }

  bool operator==(const FlowKeyV4& other) const {
    return ((addresses ^ other.addresses) | ((std::uint64_t{ports} << 32 | scope) ^
                                             (std::uint64_t{other.ports} << 32 | other.scope))) ==
           0;
  }

 private:
  [[nodiscard]] IpAddress address(std::size_t offset) const {
    Ipv4Address result;
    std::memcpy(&result, reinterpret_cast<const char*>(&addresses) + offset, sizeof(result));
    return IpAddress{result};
  }
};
static_assert(sizeof(FlowKeyV4) == 16);

struct FlowKeyV6 {
  static constexpr bool kIsV6 = true;

  std::array<std::uint64_t, 2> from{};  // as they lie in the packet
  std::array<std::uint64_t, 2> to{};
  std::uint32_t ports = 0;
  std::uint32_t scope = 0;

  static FlowKeyV6 of(const Ipv6Header& ip, std::uint32_t ports, std::uint32_t scope) {
    FlowKeyV6 key{.ports = ports, .scope = scope};
    std::memcpy(key.from.data(), ip.source.data(), sizeof(key.from));
    std::memcpy(key.to.data(), ip.destination.data(), sizeof(key.to));
    return key;
  }

  static FlowKeyV6 of(const IpAddress& source, const IpAddress& destination, std::uint32_t ports,
                      std::uint32_t scope) {
    return {std::bit_cast<std::array<std::uint64_t, 2>>(source.bytes()),
            std::bit_cast<std::array<std::uint64_t, 2>>(destination.bytes()), ports, scope};
  }

  [[nodiscard]] std::uint64_t tuple() const {
    return tuple_hash(from, to, ports, protocol_of(scope));
  }
  [[nodiscard]] std::uint64_t hash() const { return scoped_hash(tuple(), scope); }
  [[nodiscard]] FlowKeyV6 reversed(std::uint32_t reply_scope) const {
    return {to, from, swapped_ports(ports), reply_scope};
  }
  [[nodiscard]] IpAddress source() const { return address(from); }
  [[nodiscard]] IpAddress destination() const { return address(to); }

  bool operator==(const FlowKeyV6& other) const {
    return ((from[0] ^ other.from[0]) | (from[1] ^ other.from[1]) | (to[0] ^ other.to[0]) |
            (to[1] ^ other.to[1]) |
            ((std::uint64_t{ports} << 32 | scope) ^
             (std::uint64_t{other.ports} << 32 | other.scope))) == 0;
  }

 private:
  static IpAddress address(const std::array<std::uint64_t, 2>& words) {
    return IpAddress{std::bit_cast<std::array<std::uint8_t, 16>>(words)};
  }
};
static_assert(sizeof(FlowKeyV6) == 40);

}  // namespace alkaid
