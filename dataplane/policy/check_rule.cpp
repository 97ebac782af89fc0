#include "dataplane/policy/check_rule.hpp"

#include <fmt/format.h>

namespace alkaid {
namespace {

constexpr std::size_t kLongestId = 255;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;
constexpr std::uint16_t kLargestPort = 65535;

bool has_ports(const SecurityRuleConfig& rule) {
  return rule.protocol == kTcp || rule.protocol == kUdp || rule.protocol == kSctp;
}

bool is_icmp(const SecurityRuleConfig& rule) {
  return rule.protocol == (rule.ipv6 ? kIcmpv6 : kIcmp);
}

ObjectResult refuse(const char* field, std::string message) {
  return ObjectError{ObjectErrorCode::kInvalid, field, std::move(message)};
}

}  // namespace

ObjectResult check_rule(const SecurityRuleConfig& rule) {
  if (rule.id.empty() || rule.id.size() > kLongestId) {
    return refuse("id", fmt::format("wants 1 to {} bytes", kLongestId));
  }
  if ((rule.port_min != 0 || rule.port_max != 0) && !has_ports(rule)) {
    return refuse("port_min", "ports go with protocol 6 (TCP), 17 (UDP) and 132 (SCTP) only");
  }
  if (rule.port_min > rule.port_max) {
    return refuse("port_min",
                  fmt::format("{} is above port_max, which is {}", rule.port_min, rule.port_max));
  }
  if (rule.icmp_type && !is_icmp(rule)) {
    return refuse("icmp_type", "goes with protocol 1 (ICMP) of IPv4 and 58 (ICMPv6) of IPv6 only");
  }
  if (rule.icmp_code && !rule.icmp_type) {
    return refuse("icmp_code", "wants icmp_type too");
  }
  if (rule.remote_prefix && !rule.remote_group.empty()) {
    return refuse("remote_group", "remote_prefix is set already: one of them");
  }
  if (rule.remote_prefix) {
    if (rule.remote_prefix->address.is_v4() == rule.ipv6) {
      return refuse("remote_prefix", fmt::format("{} is not of the rule's address family",
                                                 rule.remote_prefix->to_string()));
    }
    if (rule.remote_prefix->length > rule.remote_prefix->max_length()) {
      return refuse("remote_prefix.length",
                    fmt::format("{} is above {}", rule.remote_prefix->length,
                                rule.remote_prefix->max_length()));
    }
  }
  if (rule.remote_group.size() > kLongestId) {
    return refuse("remote_group", fmt::format("is longer than {} bytes", kLongestId));
  }
  return std::nullopt;
}

RuleInterval interval_of(const SecurityRuleConfig& rule) {
  if (!rule.protocol) {
    return {.first = 0, .last = kLargestSelector};
  }
  const std::uint8_t protocol = *rule.protocol;
  std::uint16_t first = 0;
  std::uint16_t last = kLargestPort;
  if (rule.port_max != 0) {
    first = rule.port_min;
    last = rule.port_max;
  } else if (rule.icmp_type) {
    first = static_cast<std::uint16_t>(*rule.icmp_type << 8 | rule.icmp_code.value_or(0));
    last = static_cast<std::uint16_t>(*rule.icmp_type << 8 | rule.icmp_code.value_or(0xff));
  }
  return {.first = selector_of(protocol, first), .last = selector_of(protocol, last)};
}

}  // namespace alkaid
