// A 48-bit IEEE 802 MAC address.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace alkaid {

// Six bytes in transmission order; overlays packet bytes.
class MacAddress {
 public:
  constexpr MacAddress() = default;
  constexpr explicit MacAddress(std::array<std::uint8_t, 6> bytes) : bytes_(bytes) {}

  // aa:bb:cc:dd:ee:ff as 0x0000aabbccddeeff, the form of the local API. Upper 16 bits are ignored.
  static constexpr MacAddress from_number(std::uint64_t number) {
    MacAddress mac;
    for (int i = 5; i >= 0; --i) {
      mac.bytes_[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number);
      number >>= 8;
    }
    return mac;
  }

  // Accepts six groups of one or two hexadecimal digits, any case, separated by ':' or '-' (not
  // mixed): Alcor's clients send "6c:dd:ee:0:0:40" and "AA-BB-CC-C5-19-8F" as well as the usual
  // form.
  static std::optional<MacAddress> parse(std::string_view text);

  [[nodiscard]] constexpr std::uint64_t number() const {
    std::uint64_t number = 0;
    for (std::uint8_t byte : bytes_) {
      number = number << 8 | byte;
    }
    return number;
  }

  [[nodiscard]] constexpr const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_zero() const { return number() == 0; }
  // Group bit: multicast and broadcast.
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes_[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_broadcast() const { return number() == 0xffffffffffffULL; }
  // Can be the address of one station.
  [[nodiscard]] constexpr bool is_unicast() const { return !is_multicast() && !is_zero(); }

  [[nodiscard]] std::string to_string() const;

  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};
static_assert(sizeof(MacAddress) == 6 && alignof(MacAddress) == 1);

inline constexpr MacAddress kBroadcastMac = MacAddress::from_number(0xffffffffffffULL);
// Alcor's constant source MAC of routed packets; hosts restore the gateway's MAC for the whole
// prefix.
inline constexpr MacAddress kDefaultHostDvrMac = MacAddress::from_number(0xfe1611000000ULL);

// Any Alcor host's distributed-router MAC: fe:16:11:00:00:00/24.
constexpr bool has_host_dvr_prefix(const MacAddress& mac) {
  return (mac.number() >> 24) == (kDefaultHostDvrMac.number() >> 24);
}

}  // namespace alkaid

template <>
struct std::hash<alkaid::MacAddress> {
  std::size_t operator()(const alkaid::MacAddress& mac) const noexcept {
    return std::hash<std::uint64_t>{}(mac.number());
  }
};
