#include "control/agent/goal_state/field_reader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "control/common/logging.hpp"

namespace alkaid::agent {

bool is_station_address(const IpAddress& address) {
  if (address.is_v4()) {
    return address.v4().is_host_address();
  }
  const bool multicast = address.bytes()[0] == 0xff;
  const bool loopback = address.high() == 0 && address.low() == 1;
  return !address.is_unset() && !multicast && !loopback;
}

void FieldReader::refuse(std::string_view field, std::string_view value, std::string_view message) {
  if (!refusal_) {
    refusal_ = Refusal{std::string{field}, printable(value), std::string{message}};
  }
}

std::string_view FieldReader::required(std::string_view field, std::string_view text) {
  if (text.empty()) {
    refuse(field, text, "must not be empty");
  }
  return text;
}

std::string_view FieldReader::id(std::string_view field, std::string_view text) {
  if (text.size() > kLongestId) {
    refuse(field, text, fmt::format("must not be longer than {} bytes", kLongestId));
  }
  return text;
}

std::vector<std::string> FieldReader::group_ids(std::string_view field,
                                                std::vector<std::string> ids) {
  if (!list(field, static_cast<int>(ids.size()))) {
    return {};
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty() || ids[i].size() > kLongestId) {
      const std::string path = fmt::format("{}[{}]", field, i);
      id(path, required(path, ids[i]));
    }
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

MacAddress FieldReader::mac(std::string_view field, std::string_view text) {
  const auto mac = MacAddress::parse(text);
  if (!mac) {
    refuse(field, text, "is no MAC address: six hexadecimal groups such as aa:bb:cc:00:11:22");
    return {};
  }
  if (!mac->is_unicast()) {
    refuse(field, text, "must be the MAC address of one station, not zero and not multicast");
    return {};
  }
  return *mac;
}

MacAddress FieldReader::optional_mac(std::string_view field, std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const auto parsed = MacAddress::parse(text);
  return parsed && parsed->is_zero() ? MacAddress{} : mac(field, text);
}

IpAddress FieldReader::address(std::string_view field, std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) {
    refuse(field, text, "is no IPv4 or IPv6 address");
    return {};
  }
  if (!is_station_address(*address)) {
    refuse(field, text, "must be the address of one station");
    return {};
  }
  return *address;
}

IpAddress FieldReader::optional_address(std::string_view field, std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const auto parsed = IpAddress::parse(text);
  const bool none = parsed && (parsed->is_unset() || (parsed->is_v4() && parsed->v4().is_zero()));
  return none ? IpAddress{} : address(field, text);
}

IpAddress FieldReader::optional_address_of_family(std::string_view field, std::string_view text,
                                                  bool v4) {
  const IpAddress found = optional_address(field, text);
  if (!found.is_unset() && found.is_v4() != v4) {
    refuse(field, text, v4 ? "must be an IPv4 address" : "must be an IPv6 address");
    return {};
  }
  return found;
}

IpPrefix FieldReader::prefix(std::string_view field, std::string_view text, bool with_length) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix || (with_length && text.find('/') == std::string_view::npos)) {
    refuse(field, text, "is no CIDR prefix such as 10.0.0.0/24");
    return {};
  }
  return prefix->masked();
}

bool FieldReader::list(std::string_view field, int entries) {
  constexpr int kMostEntries = 1024;
  if (entries > kMostEntries) {
    refuse(field, fmt::format("{} entries", entries),
           fmt::format("must not have more than {} entries", kMostEntries));
    return false;
  }
  return true;
}

Vni FieldReader::vni(std::string_view field, std::uint64_t number) {
  if (number == 0) {
    return {};
  }
  const auto vni = Vni::from_number(number);
  if (!vni) {
    refuse(field, fmt::format("{}", number), "is no VNI: 1 to 16777215");
    return {};
  }
  return *vni;
}

std::uint16_t FieldReader::port(std::string_view field, std::uint32_t number) {
  constexpr std::uint32_t kHighestPort = 65535;
  if (number > kHighestPort) {
    refuse(field, fmt::format("{}", number), "is no port: 0 to 65535");
    return 0;
  }
  return static_cast<std::uint16_t>(number);
}

}  // namespace alkaid::agent
