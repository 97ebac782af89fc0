#include "control/common/net/mac_address.hpp"

#include <fmt/format.h>

namespace alkaid {

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 6> bytes{};
  char separator = 0;
  std::size_t position = 0;
  for (std::size_t group = 0; group < bytes.size(); ++group) {
    if (group > 0) {
      if (position >= text.size()) {
        return std::nullopt;
      }
      const char found = text[position++];
      if ((found != ':' && found != '-') || (separator != 0 && found != separator)) {
        return std::nullopt;
      }
      separator = found;
    }
    unsigned value = 0;
    std::size_t digits = 0;
    for (; digits < 2 && position < text.size(); ++digits, ++position) {
      const char c = text[position];
      unsigned digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<unsigned>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<unsigned>(c - 'a') + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<unsigned>(c - 'A') + 10;
      } else {
        break;
      }
      value = value << 4 | digit;
    }
    if (digits == 0) {
      return std::nullopt;
    }
    bytes[group] = static_cast<std::uint8_t>(value);
  }
  if (position != text.size()) {
    return std::nullopt;
  }
  return MacAddress{bytes};
}

std::string MacAddress::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes_[0], bytes_[1], bytes_[2],
                     bytes_[3], bytes_[4], bytes_[5]);
}

}  // namespace alkaid
