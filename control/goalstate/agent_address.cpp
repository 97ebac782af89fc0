#include "control/goalstate/agent_address.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "control/common/net/ip_address.hpp"

namespace alkaid::goalstate {
namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
         });
}

// 10.0.0.256 is a misspelled address, not the name of a host.
bool looks_like_ipv4(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
}

}  // namespace

std::optional<std::string> parse_agent_address(std::string_view text) {
  std::string_view host = text;
  std::string_view port = kDefaultAgentPort;
  if (const auto address = IpAddress::parse(text); address && !address->is_v4()) {
    return fmt::format("[{}]:{}", text, port);
  }
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos) {
      return std::nullopt;
    }
    host = text.substr(1, bracket - 1);
    const std::string_view rest = text.substr(bracket + 1);
    if (!rest.empty()) {
      if (rest.front() != ':') {
        return std::nullopt;
      }
      port = rest.substr(1);
    }
    const auto address = IpAddress::parse(host);
    if (!address || address->is_v4() || !is_port(port)) {
      return std::nullopt;
    }
    return fmt::format("[{}]:{}", host, port);
  }
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (!is_host_name(host) || !is_port(port) ||
      (looks_like_ipv4(host) && !Ipv4Address::parse(host))) {
    return std::nullopt;
  }
  return fmt::format("{}:{}", host, port);
}

}  // namespace alkaid::goalstate
