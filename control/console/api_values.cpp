#include "control/console/api_values.hpp"

#include <charconv>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"

namespace alkaid::console {
namespace {

constexpr std::uint64_t kMicrosecondsPerSecond = 1'000'000;

double rounded(double value) {
  return std::round(value * 10) / 10;
}

Value address_value(const std::string& address) {
  return address.empty() ? none() : text(address);
}

}  // namespace

std::string ip_text(std::uint64_t high, std::uint64_t low) {
  const auto address = IpAddress::from_numbers(high, low);
  return address.is_unset() ? "" : address.to_string();
}

std::string ip_text(const dataplane::v1::IpAddress& address) {
  return ip_text(address.high(), address.low());
}

std::string prefix_text(const dataplane::v1::Prefix& prefix) {
  const auto address = IpAddress::from_numbers(prefix.address().high(), prefix.address().low());
  if (address.is_unset() && prefix.length() == 0) {
    return prefix.has_address() ? "::/0" : "";
  }
  return fmt::format("{}/{}", address.to_string(), prefix.length());
}

Value ip(const dataplane::v1::IpAddress& address) {
  return address_value(ip_text(address));
}

Value mac(std::uint64_t number) {
  return number == 0 ? none() : text(MacAddress::from_number(number).to_string());
}

Value vni(std::uint32_t value) {
  return value == 0 ? none() : number(value);
}

std::string identifier_text(std::uint64_t value) {
  return fmt::format("{:#018x}", value);
}

Value identifier(std::uint64_t value) {
  return text(identifier_text(value));
}

std::optional<std::uint64_t> parse_identifier(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  text.remove_prefix(hexadecimal ? 2 : 0);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

Value duration(std::uint64_t microseconds) {
  const std::uint64_t seconds = microseconds / kMicrosecondsPerSecond;
  std::string shown;
  if (seconds == 0) {
    shown = fmt::format("{:.1f} ms", static_cast<double>(microseconds) / 1000);
  } else {
    shown = fmt::format("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if (seconds >= 86400) {
      shown = fmt::format("{}d {}", seconds / 86400, shown);
    }
  }
  return {shown, microseconds};
}

Value timestamp(std::uint64_t microseconds) {
  const auto seconds = static_cast<std::time_t>(microseconds / kMicrosecondsPerSecond);
  std::tm broken_down{};
  // A year beyond what the library can hold is no time that a process meant.
  if (microseconds == 0 || ::gmtime_r(&seconds, &broken_down) == nullptr) {
    return none();
  }
  return text(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", broken_down.tm_year + 1900,
                          broken_down.tm_mon + 1, broken_down.tm_mday, broken_down.tm_hour,
                          broken_down.tm_min, broken_down.tm_sec,
                          microseconds % kMicrosecondsPerSecond));
}

Value percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) {
    return none();
  }
  return decimal(rounded(100.0 * static_cast<double>(part) / static_cast<double>(whole)), " %");
}

Value ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) {
    return none();
  }
  return decimal(rounded(static_cast<double>(part) / static_cast<double>(whole)));
}

}  // namespace alkaid::console
