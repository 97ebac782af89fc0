// VXLAN network identifier (RFC 7348, section 5).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>

namespace alkaid {

// 1 .. 2^24 - 1. Alcor gives every subnet one of its own; 0 means "none".
class Vni {
 public:
  static constexpr std::uint32_t kMax = (1U << 24) - 1;

  constexpr Vni() = default;

  // nullopt unless 1 <= number <= 2^24 - 1.
  static constexpr std::optional<Vni> from_number(std::uint64_t number) {
    if (number == 0 || number > kMax) {
      return std::nullopt;
    }
    return Vni{static_cast<std::uint32_t>(number)};
  }

  // For numbers known to be in range (24 bits of a packet, constants).
  static constexpr Vni from_trusted(std::uint32_t number) { return Vni{number & kMax}; }

  [[nodiscard]] constexpr std::uint32_t number() const { return number_; }
  constexpr auto operator<=>(const Vni&) const = default;

 private:
  constexpr explicit Vni(std::uint32_t number) : number_(number) {}

  std::uint32_t number_ = 0;
};

}  // namespace alkaid

template <>
struct std::hash<alkaid::Vni> {
  std::size_t operator()(const alkaid::Vni& vni) const noexcept { return vni.number(); }
};
