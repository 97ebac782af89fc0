#include "control/agent/goal_state/dhcp_option_value.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {
namespace {

using Bytes = std::optional<std::string>;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Number>
std::optional<Number> parse(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::string in_network_order(std::uint64_t number, std::size_t bytes) {
  std::string out;
  for (std::size_t i = bytes; i-- > 0;) {
    out += static_cast<char>(number >> (8 * i));
  }
  return out;
}

Bytes encode_number(std::string_view text, std::size_t bytes) {
  const auto number = parse_number(text);
  if (!number || *number >> (8 * bytes) != 0) {
    return std::nullopt;
  }
  return in_network_order(*number, bytes);
}

// dnsmasq writes IPv6 addresses in brackets.
Bytes encode_address(std::string_view text, bool v6) {
  if (v6 && text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  const auto address = IpAddress::parse(text);
  if (!address || address->is_v4() == v6) {
    return std::nullopt;
  }
  constexpr std::size_t kMappedPrefix = 12;  // of an IPv4 address in 16 bytes
  const auto& bytes = address->bytes();
  return std::string{bytes.begin() + (v6 ? 0 : kMappedPrefix), bytes.end()};
}

Bytes encode_addresses(std::string_view text, bool v6, std::size_t multiple) {
  const auto parts = split_list(text);
  if (parts.empty() || parts.size() % multiple != 0) {
    return std::nullopt;
  }
  std::string out;
  for (const std::string_view part : parts) {
    const auto address = encode_address(part, v6);
    if (!address) {
      return std::nullopt;
    }
    out += *address;
  }
  return out;
}

Bytes encode_domains(std::string_view text) {
  const auto parts = split_list(text);
  if (parts.empty()) {
    return std::nullopt;
  }
  std::string out;
  for (std::string_view name : parts) {
    if (!is_domain_name(name)) {
      return std::nullopt;
    }
    if (name.back() == '.') {
      name.remove_suffix(1);
    }
    while (!name.empty()) {
      const std::string_view label = name.substr(0, name.find('.'));
      out += static_cast<char>(label.size());
      out += label;
      name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    out += '\0';
  }
  return out;
}

Bytes encode_routes(std::string_view text) {
  const auto parts = split_list(text);
  if (parts.empty() || parts.size() % 2 != 0) {
    return std::nullopt;
  }
  std::string out;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    const auto prefix = IpPrefix::parse(parts[i]);
    const auto gateway = encode_address(parts[i + 1], false);
    if (!prefix || !prefix->address.is_v4() || !gateway) {
      return std::nullopt;
    }
    const std::size_t significant = (prefix->length + 7U) / 8U;
    out += static_cast<char>(prefix->length);
    out += in_network_order(prefix->masked().address.v4().host(), 4).substr(0, significant);
    out += *gateway;
  }
  return out;
}

// Each in a suboption of its own.
Bytes encode_time_servers(std::string_view text) {
  constexpr std::uint64_t kServerAddress = 1;
  constexpr std::size_t kAddressBytes = 16;
  const auto addresses = encode_addresses(text, true, 1);
  if (!addresses) {
    return std::nullopt;
  }
  std::string out;
  for (std::size_t at = 0; at < addresses->size(); at += kAddressBytes) {
    out += in_network_order(kServerAddress, 2) + in_network_order(kAddressBytes, 2);
    out += addresses->substr(at, kAddressBytes);
  }
  return out;
}

// 0x0a0b or 0a:0b; none if it is neither.
Bytes decode_hex(std::string_view text) {
  std::string digits;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    digits = text.substr(2);
  } else {
    if (text.size() < 5 || text.size() % 3 != 2) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (i % 3 != 2) {
        digits += text[i];
      } else if (text[i] != ':') {
        return std::nullopt;
      }
    }
  }
  if (digits.empty() || digits.size() % 2 != 0 ||
      !std::all_of(digits.begin(), digits.end(), is_hex)) {
    return std::nullopt;
  }
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    out += static_cast<char>(*parse<std::uint8_t>(std::string_view{digits}.substr(i, 2), 16));
  }
  return out;
}

Bytes encode_free(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return decode_hex(text);
  }
  if (auto bytes = decode_hex(text)) {
    return bytes;
  }
  return text.empty() ? Bytes{} : Bytes{text};
}

Bytes encode_switch(std::string_view text) {
  for (const std::string_view on : {"1", "true", "on", "yes"}) {
    if (text == on) {
      return std::string{'\1'};
    }
  }
  for (const std::string_view off : {"0", "false", "off", "no"}) {
    if (text == off) {
      return std::string{'\0'};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return parse<std::uint64_t>(text);
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  constexpr std::string_view kSeparators = ", \t";
  for (std::size_t at = text.find_first_not_of(kSeparators); at != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSeparators, end);
  }
  return parts;
}

bool is_domain_name(std::string_view name) {
  constexpr std::size_t kLongestName = 253;
  constexpr std::size_t kLongestLabel = 63;
  if (name.ends_with('.')) {
    name.remove_suffix(1);
  }
  if (name.empty() || name.size() > kLongestName) {
    return false;
  }
  std::size_t label = 0;
  for (const char c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (c == '.' ? label == 0 : !allowed || label == kLongestLabel) {
      return false;
    }
    label = c == '.' ? 0 : label + 1;
  }
  return label > 0;
}

std::string_view describe(DhcpValueType type, bool v6) {
  switch (type) {
    case DhcpValueType::kAddress:
      return v6 ? "one IPv6 address" : "one IPv4 address";
    case DhcpValueType::kAddresses:
      return v6 ? "IPv6 addresses, comma-separated" : "IPv4 addresses, comma-separated";
    case DhcpValueType::kAddressPairs:
      return "an even number of IPv4 addresses, comma-separated";
    case DhcpValueType::kText:
      return "text";
    case DhcpValueType::kNumber8:
      return "a number from 0 to 255";
    case DhcpValueType::kNumber16:
      return "a number from 0 to 65535";
    case DhcpValueType::kNumber32:
      return "a number from 0 to 4294967295";
    case DhcpValueType::kSigned32:
      return "a number from -2147483648 to 2147483647";
    case DhcpValueType::kSwitch:
      return "1 or 0";
    case DhcpValueType::kDomains:
      return "domain names, comma-separated";
    case DhcpValueType::kRoutes:
      return "IPv4 routes as PREFIX,GATEWAY,PREFIX,GATEWAY such as 10.9.0.0/16,10.0.0.1";
    case DhcpValueType::kTimeServers:
      return "IPv6 addresses, comma-separated";
    case DhcpValueType::kFree:
      return "text, or bytes such as 0x0a0b or 0a:0b";
  }
  return "";
}

std::optional<std::string> encode_dhcp_value(DhcpValueType type, bool v6, std::string_view text) {
  switch (type) {
    case DhcpValueType::kAddress:
      return encode_address(text, v6);
    case DhcpValueType::kAddresses:
      return encode_addresses(text, v6, 1);
    case DhcpValueType::kAddressPairs:
      return encode_addresses(text, v6, 2);
    case DhcpValueType::kText:
      return text.empty() ? Bytes{} : Bytes{text};
    case DhcpValueType::kNumber8:
      return encode_number(text, 1);
    case DhcpValueType::kNumber16:
      return encode_number(text, 2);
    case DhcpValueType::kNumber32:
      return encode_number(text, 4);
    case DhcpValueType::kSigned32: {
      const auto number = parse<std::int32_t>(text);
      return number ? Bytes{in_network_order(static_cast<std::uint32_t>(*number), 4)} : Bytes{};
    }
    case DhcpValueType::kSwitch:
      return encode_switch(text);
    case DhcpValueType::kDomains:
      return encode_domains(text);
    case DhcpValueType::kRoutes:
      return encode_routes(text);
    case DhcpValueType::kTimeServers:
      return encode_time_servers(text);
    case DhcpValueType::kFree:
      return encode_free(text);
  }
  return std::nullopt;
}

}  // namespace alkaid::agent
