// The Internet checksum written down as RFC 1071 explains it, two bytes at a time: what the data
// plane's faster version is tested against and what test packets are built with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace alkaid::test {

// Ones' complement sum of the big-endian 16-bit words, an odd last byte padded with zero; continues
// `sum`, the result of an earlier call over an even number of bytes.
constexpr std::uint16_t naive_sum(std::span<const std::uint8_t> bytes, std::uint16_t sum = 0) {
  std::uint32_t wide = sum;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const std::uint32_t low = i + 1 < bytes.size() ? bytes[i + 1] : 0U;
    wide += static_cast<std::uint32_t>(bytes[i]) << 8 | low;
    if (wide > 0xffff) {
      wide -= 0xffff;
    }
  }
  return static_cast<std::uint16_t>(wide);
}

// The checksum field's value, host order, for bytes whose own checksum field holds zero.
constexpr std::uint16_t naive_checksum(std::span<const std::uint8_t> bytes, std::uint16_t sum = 0) {
  return static_cast<std::uint16_t>(~naive_sum(bytes, sum));
}

// RFC 1071's own example (section 3).
inline constexpr std::uint8_t kRfc1071Example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
static_assert(naive_sum(kRfc1071Example) == 0xddf2);

}  // namespace alkaid::test
