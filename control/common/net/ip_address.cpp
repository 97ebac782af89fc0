#include "control/common/net/ip_address.hpp"

#include <arpa/inet.h>

#include <charconv>

#include <fmt/format.h>

namespace alkaid {
namespace {

// inet_pton wants a terminated string; addresses longer than this are no addresses.
constexpr std::size_t kLongestAddressText = INET6_ADDRSTRLEN;

template <std::size_t N>
bool parse_with(int family, std::string_view text, std::array<std::uint8_t, N>& out) {
  if (text.empty() || text.size() >= kLongestAddressText) {
    return false;
  }
  if (text.find('\0') != std::string_view::npos) {
    return false;
  }
  char terminated[kLongestAddressText] = {};
  std::memcpy(terminated, text.data(), text.size());
  return ::inet_pton(family, terminated, out.data()) == 1;
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  if (!parse_with(AF_INET, text, bytes)) {
    return std::nullopt;
  }
  return Ipv4Address{static_cast<std::uint32_t>(bytes[0]) << 24 |
                     static_cast<std::uint32_t>(bytes[1]) << 16 |
                     static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3]};
}

std::string Ipv4Address::to_string() const {
  const std::uint32_t value = host();
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 0xff, value >> 8 & 0xff,
                     value & 0xff);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (auto v4 = Ipv4Address::parse(text)) {
    return IpAddress{*v4};
  }
  std::array<std::uint8_t, 16> bytes{};
  if (!parse_with(AF_INET6, text, bytes)) {
    return std::nullopt;
  }
  return IpAddress{bytes};
}

std::string IpAddress::to_string() const {
  if (is_v4()) {
    return v4().to_string();
  }
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
  return text;
}

IpAddress mask_address(const IpAddress& address, std::uint8_t length) {
  const unsigned bits = address.is_v4() ? 96U + length : length;
  const std::uint64_t high_mask = bits >= 64 ? ~0ULL : bits == 0 ? 0 : ~0ULL << (64 - bits);
  const std::uint64_t low_mask = bits <= 64 ? 0 : bits >= 128 ? ~0ULL : ~0ULL << (128 - bits);
  return IpAddress::from_numbers(address.high() & high_mask, address.low() & low_mask);
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  IpPrefix prefix{*address, 0};
  prefix.length = prefix.max_length();
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() ||
        length > prefix.max_length()) {
      return std::nullopt;
    }
    prefix.length = static_cast<std::uint8_t>(length);
  }
  return prefix;
}

IpPrefix IpPrefix::masked() const {
  return {mask_address(address, length), length};
}

bool IpPrefix::contains(const IpAddress& ip) const {
  return ip.is_v4() == address.is_v4() && mask_address(ip, length) == mask_address(address, length);
}

std::string IpPrefix::to_string() const {
  return fmt::format("{}/{}", address.to_string(), length);
}

}  // namespace alkaid
