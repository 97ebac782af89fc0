// IPv4 and IPv6 addresses and prefixes.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/common/net/byte_order.hpp"

namespace alkaid {

// Four bytes in network order; overlays packet bytes.
class Ipv4Address {
 public:
  constexpr Ipv4Address() = default;
  // a.b.c.d as 0xaabbccdd.
  constexpr explicit Ipv4Address(std::uint32_t host_value) : value_(host_value) {}

  static std::optional<Ipv4Address> parse(std::string_view text);

  [[nodiscard]] constexpr std::uint32_t host() const { return value_.host(); }
  // As it lies in memory, for keys and comparison.
  [[nodiscard]] constexpr std::uint32_t raw() const { return value_.raw(); }
  [[nodiscard]] constexpr bool is_zero() const { return value_.raw() == 0; }
  [[nodiscard]] constexpr bool is_multicast() const { return (host() >> 28) == 0xe; }
  [[nodiscard]] constexpr bool is_broadcast() const { return host() == 0xffffffffU; }
  [[nodiscard]] constexpr bool is_loopback() const { return (host() >> 24) == 127; }
  // Can be the address of one station on a network: not 0/8, 127/8, multicast or reserved.
  [[nodiscard]] constexpr bool is_host_address() const {
    return (host() >> 24) != 0 && !is_loopback() && (host() >> 28) < 0xe;
  }
  [[nodiscard]] std::string to_string() const;

  constexpr bool operator==(const Ipv4Address& other) const {
    return value_.raw() == other.value_.raw();
  }
  constexpr std::strong_ordering operator<=>(const Ipv4Address& other) const {
    return host() <=> other.host();
  }

 private:
  BigEndian32 value_;
};
static_assert(sizeof(Ipv4Address) == 4 && alignof(Ipv4Address) == 1);

// An address of either family in 16 bytes, network order; IPv4 is held as ::ffff:a.b.c.d (RFC 4291,
// 2.5.5.2), so that one key type serves both. The all-zero value (::) means "none".
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr explicit IpAddress(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}
  constexpr IpAddress(Ipv4Address v4)  // NOLINT(google-explicit-constructor): widening
      : IpAddress(from_numbers(0, 0x0000ffff00000000ULL | v4.host())) {}

  // The two halves in network order as numbers, the form of the local API.
  static constexpr IpAddress from_numbers(std::uint64_t high, std::uint64_t low) {
    IpAddress ip;
    for (std::size_t i = 0; i < 8; ++i) {
      ip.bytes_[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
      ip.bytes_[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return ip;
  }

  // "10.0.0.1" or "2001:db8::1"; no zone, no prefix length.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] constexpr std::uint64_t high() const { return half(0); }
  [[nodiscard]] constexpr std::uint64_t low() const { return half(8); }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_v4() const { return high() == 0 && (low() >> 32) == 0xffff; }
  [[nodiscard]] constexpr bool is_unset() const { return high() == 0 && low() == 0; }
  // Only if is_v4().
  [[nodiscard]] constexpr Ipv4Address v4() const {
    return Ipv4Address{static_cast<std::uint32_t>(low())};
  }
  [[nodiscard]] std::string to_string() const;

  constexpr auto operator<=>(const IpAddress&) const = default;

 private:
  [[nodiscard]] constexpr std::uint64_t half(std::size_t from) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      value = value << 8 | bytes_[from + i];
    }
    return value;
  }

  std::array<std::uint8_t, 16> bytes_{};
};
static_assert(sizeof(IpAddress) == 16);

// A network prefix. length counts within the family: 0..32 for IPv4, 0..128 for IPv6. Bits beyond
// it may be set (an interface address such as 10.0.0.7/24) until masked() clears them.
struct IpPrefix {
  IpAddress address;
  std::uint8_t length = 0;

  // "10.0.0.0/24", "2001:db8::/64"; an address alone is a host prefix (/32, /128).
  static std::optional<IpPrefix> parse(std::string_view text);

  [[nodiscard]] std::uint8_t max_length() const { return address.is_v4() ? 32 : 128; }
  [[nodiscard]] IpPrefix masked() const;
  [[nodiscard]] bool contains(const IpAddress& ip) const;
  [[nodiscard]] std::string to_string() const;

  auto operator<=>(const IpPrefix&) const = default;
};

// The address with all bits beyond the first `length` (counted in its family) cleared.
IpAddress mask_address(const IpAddress& address, std::uint8_t length);

// Netmask of an IPv4 prefix length, 0..32, host order.
constexpr std::uint32_t ipv4_netmask(std::uint8_t length) {
  return length == 0 ? 0 : 0xffffffffU << (32 - length);
}

}  // namespace alkaid

template <>
struct std::hash<alkaid::IpAddress> {
  std::size_t operator()(const alkaid::IpAddress& ip) const noexcept {
    std::uint64_t mixed = ip.high() * 0x9e3779b97f4a7c15ULL ^ ip.low();
    mixed ^= mixed >> 32;
    return mixed * 0xd6e8feb86659fd93ULL;
  }
};
