// Security groups between the local API's messages and plain objects.
#include <limits>

#include <fmt/format.h>

#include "dataplane/api/convert.hpp"

namespace alkaid {
namespace {

// A number that must fit a narrower field. False with `error` filled in if it does not.
template <class Number>
bool narrow(std::uint32_t number, const std::string& field, Number& narrowed, ObjectError& error) {
  constexpr Number kLargest = std::numeric_limits<Number>::max();
  if (number > kLargest) {
    error = {ObjectErrorCode::kInvalid, field, fmt::format("{} is above {}", number, kLargest)};
    return false;
  }
  narrowed = static_cast<Number>(number);
  return true;
}

std::optional<SecurityRuleConfig> rule_of(const api::SecurityRule& message,
                                          const std::string& place, ObjectError& error) {
  SecurityRuleConfig rule{.id = message.id(), .ingress = message.ingress(), .ipv6 = message.ipv6()};
  rule.remote_group = message.remote_group();
  if (!narrow(message.port_min(), place + "port_min", rule.port_min, error) ||
      !narrow(message.port_max(), place + "port_max", rule.port_max, error) ||
      (message.has_protocol() &&
       !narrow(message.protocol(), place + "protocol", rule.protocol.emplace(), error)) ||
      (message.has_icmp_type() &&
       !narrow(message.icmp_type(), place + "icmp_type", rule.icmp_type.emplace(), error)) ||
      (message.has_icmp_code() &&
       !narrow(message.icmp_code(), place + "icmp_code", rule.icmp_code.emplace(), error))) {
    return std::nullopt;
  }
  if (message.has_remote_prefix()) {
    rule.remote_prefix = prefix_of(message.remote_prefix(), place + "remote_prefix", error);
    if (!rule.remote_prefix) {
      return std::nullopt;
    }
  }
  return rule;
}

}  // namespace

std::optional<SecurityGroupChange> from_api(const api::SecurityGroup& message, ObjectError& error) {
  SecurityGroupChange change{.id = message.id(), .replace = message.replace()};
  change.rules.reserve(static_cast<std::size_t>(message.rules_size()));
  for (int i = 0; i < message.rules_size(); ++i) {
    auto rule = rule_of(message.rules(i), fmt::format("rules[{}].", i), error);
    if (!rule) {
      return std::nullopt;
    }
    change.rules.push_back(std::move(*rule));
  }
  change.removed_rules.assign(message.removed_rules().begin(), message.removed_rules().end());
  for (const auto& member : message.members()) {
    change.members.push_back(address_of(member));
  }
  for (const auto& member : message.removed_members()) {
    change.removed_members.push_back(address_of(member));
  }
  return change;
}

void to_api(const SecurityRuleConfig& config, api::SecurityRule& message) {
  message.set_id(config.id);
  message.set_ingress(config.ingress);
  message.set_ipv6(config.ipv6);
  if (config.protocol) {
    message.set_protocol(*config.protocol);
  }
  message.set_port_min(config.port_min);
  message.set_port_max(config.port_max);
  if (config.icmp_type) {
    message.set_icmp_type(*config.icmp_type);
  }
  if (config.icmp_code) {
    message.set_icmp_code(*config.icmp_code);
  }
  if (config.remote_prefix) {
    to_api(*config.remote_prefix, *message.mutable_remote_prefix());
  }
  message.set_remote_group(config.remote_group);
}

}  // namespace alkaid
