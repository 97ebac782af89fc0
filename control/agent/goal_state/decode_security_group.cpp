// Security groups and their rules.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

using alcor::schema::SecurityGroupConfiguration;

void read_ports(const SecurityGroupConfiguration::SecurityGroupRule& rule, const std::string& path,
                FieldReader& reader, SecurityRuleSpec& spec) {
  spec.port_min = reader.port(path + ".port_range_min", rule.port_range_min());
  spec.port_max = reader.port(path + ".port_range_max", rule.port_range_max());
  // ICMP's type and code stand in these fields, in no order; 0 as the end means none.
  const bool is_range = spec.protocol != SecurityProtocol::kIcmp && spec.port_max != 0;
  if (is_range && spec.port_min > spec.port_max) {
    reader.refuse(path + ".port_range_max", fmt::format("{}", spec.port_max),
                  fmt::format("must not be less than port_range_min, {}", spec.port_min));
  }
}

SecurityRuleSpec read_rule(const SecurityGroupConfiguration::SecurityGroupRule& rule,
                           const std::string& path, FieldReader& reader) {
  SecurityRuleSpec spec;
  spec.id = reader.required(path + ".id", rule.id());
  spec.is_delete = rule.operation_type() == alcor::schema::DELETE;
  if (spec.is_delete) {
    return spec;
  }
  if (!SecurityGroupConfiguration::Direction_IsValid(rule.direction())) {
    reader.refuse(path + ".direction", fmt::format("{}", static_cast<int>(rule.direction())),
                  "must be 0 (EGRESS) or 1 (INGRESS)");
  }
  if (!alcor::schema::EtherType_IsValid(rule.ethertype())) {
    reader.refuse(path + ".ethertype", fmt::format("{}", static_cast<int>(rule.ethertype())),
                  "must be 0 (IPV4) or 1 (IPV6)");
  }
  if (!alcor::schema::Protocol_IsValid(rule.protocol())) {
    reader.refuse(path + ".protocol", fmt::format("{}", static_cast<int>(rule.protocol())),
                  "must be 0 (TCP), 1 (UDP), 2 (ICMP), 3 (HTTP) or 4 (ARP)");
  }
  spec.ingress = rule.direction() == SecurityGroupConfiguration::INGRESS;
  spec.is_v6 = rule.ethertype() == alcor::schema::IPV6;
  spec.protocol = static_cast<SecurityProtocol>(rule.protocol());
  read_ports(rule, path, reader, spec);
  if (!rule.remote_ip_prefix().empty()) {
    spec.remote = reader.prefix(path + ".remote_ip_prefix", rule.remote_ip_prefix(), false);
    if (!reader.refused() && spec.remote.address.is_v4() == spec.is_v6) {
      reader.refuse(path + ".remote_ip_prefix", rule.remote_ip_prefix(),
                    "is not of the rule's ethertype");
    }
  }
  spec.remote_group_id = rule.remote_group_id();
  return spec;
}

}  // namespace

void ResourceDecoder::add(const alcor::schema::SecurityGroupState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kSecurityGroup, state, key);
  SecurityGroupSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    spec.replaces = configuration.update_type() == alcor::schema::FULL;
    spec.vpc_id = configuration.vpc_id();
    spec.name = configuration.name();
    spec.rules.reserve(static_cast<std::size_t>(configuration.security_group_rules_size()));
    for (int i = 0; i < configuration.security_group_rules_size(); ++i) {
      spec.rules.push_back(read_rule(configuration.security_group_rules(i),
                                     fmt::format("configuration.security_group_rules[{}]", i),
                                     reader_));
    }
  }
  finish(out_.security_groups, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
