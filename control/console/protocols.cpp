#include "control/console/protocols.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace alkaid::console {
namespace {

// IANA's numbers.
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

struct Name {
  std::uint8_t number;
  std::string_view name;
};
constexpr std::array kNames{Name{kTcp, "tcp"}, Name{kUdp, "udp"}, Name{kIcmp, "icmp"},
                            Name{kIcmpv6, "icmpv6"}, Name{kSctp, "sctp"}};

}  // namespace

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
  for (const Name& known : kNames) {
    if (known.name == text) {
      return known.number;
    }
  }
  std::uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{number}
                                                                  : std::nullopt;
}

std::string protocol_text(std::uint32_t number) {
  for (const Name& known : kNames) {
    if (known.number == number) {
      return std::string{known.name};
    }
  }
  return fmt::format("{}", number);
}

Value protocol(std::uint32_t number) {
  return {protocol_text(number), number};
}

bool has_ports(std::uint32_t protocol) {
  return protocol == kTcp || protocol == kUdp || protocol == kSctp;
}

bool is_icmp(std::uint32_t protocol) {
  return protocol == kIcmp || protocol == kIcmpv6;
}

}  // namespace alkaid::console
