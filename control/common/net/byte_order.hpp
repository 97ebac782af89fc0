// Big-endian integers as they stand in packets.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace alkaid {

constexpr std::uint16_t byte_swap(std::uint16_t value) {
  return __builtin_bswap16(value);
}
constexpr std::uint32_t byte_swap(std::uint32_t value) {
  return __builtin_bswap32(value);
}
constexpr std::uint64_t byte_swap(std::uint64_t value) {
  return __builtin_bswap64(value);
}

// An unsigned integer held in network byte order, safe to overlay on packet bytes at any alignment.
// Implicit conversion is refused on purpose: say host() or BigEndian{value}.
template <class T>
class [[gnu::packed]] BigEndian {
  static_assert(std::is_unsigned_v<T>);

 public:
  constexpr BigEndian() = default;
  constexpr explicit BigEndian(T host_value) : raw_(swap(host_value)) {}

  static constexpr BigEndian from_raw(T raw) {
    BigEndian result;
    result.raw_ = raw;
    return result;
  }

  [[nodiscard]] constexpr T host() const { return swap(raw_); }
  [[nodiscard]] constexpr T raw() const { return raw_; }
  constexpr bool operator==(const BigEndian& other) const { return raw_ == other.raw_; }

 private:
  static constexpr T swap(T value) {
    if constexpr (std::endian::native == std::endian::little) {
      return byte_swap(value);
    } else {
      return value;
    }
  }

  T raw_ = 0;
};

using BigEndian16 = BigEndian<std::uint16_t>;
using BigEndian32 = BigEndian<std::uint32_t>;
static_assert(sizeof(BigEndian16) == 2 && alignof(BigEndian16) == 1);
static_assert(sizeof(BigEndian32) == 4 && alignof(BigEndian32) == 1);

}  // namespace alkaid
