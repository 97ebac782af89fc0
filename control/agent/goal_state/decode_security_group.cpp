// Security groups and their rules.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

using alcor::schema::SecurityGroupConfiguration;
using Rule = SecurityGroupConfiguration::SecurityGroupRule;

constexpr std::uint32_t kIcmp = 1;
constexpr std::uint32_t kTcp = 6;
constexpr std::uint32_t kUdp = 17;
constexpr std::uint32_t kIcmpv6 = 58;
constexpr std::uint32_t kSctp = 132;

// The rule's protocol number as far as it decides what the ports mean.
std::uint32_t number_of(const SecurityRuleSpec& spec) {
  if (spec.protocol_number != 0) {
    return spec.protocol_number;
  }
  switch (spec.protocol) {
    case SecurityProtocol::kTcp:
    case SecurityProtocol::kHttp:
      return kTcp;
    case SecurityProtocol::kUdp:
      return kUdp;
    case SecurityProtocol::kIcmp:
      return spec.is_v6 ? kIcmpv6 : kIcmp;
    case SecurityProtocol::kArp:
      break;
  }
  return 0;
}

void read_protocol(const Rule& rule, const std::string& path, FieldReader& reader,
                   SecurityRuleSpec& spec) {
  if (!alcor::schema::Protocol_IsValid(rule.protocol())) {
    reader.refuse(path + ".protocol", fmt::format("{}", static_cast<int>(rule.protocol())),
                  "must be 0 (TCP), 1 (UDP), 2 (ICMP), 3 (HTTP) or 4 (ARP)");
    return;
  }
  spec.protocol = static_cast<SecurityProtocol>(rule.protocol());
  if (rule.protocol_number() > kAnyProtocol) {
    reader.refuse(path + ".protocol_number", fmt::format("{}", rule.protocol_number()),
                  "must be an IP protocol number, 1 to 255, or 256 for any");
    return;
  }
  const std::uint32_t foreign = spec.is_v6 ? kIcmp : kIcmpv6;
  if (rule.protocol_number() == foreign) {
    reader.refuse(path + ".protocol_number", fmt::format("{}", foreign),
                  "is not the ICMP of the rule's ethertype: 1 for IPv4, 58 for IPv6");
    return;
  }
  spec.protocol_number = static_cast<std::uint16_t>(rule.protocol_number());
}

void read_ports(const Rule& rule, const std::string& path, FieldReader& reader,
                SecurityRuleSpec& spec) {
  spec.port_min = reader.port(path + ".port_range_min", rule.port_range_min());
  spec.port_max = reader.port(path + ".port_range_max", rule.port_range_max());
  const std::uint32_t number = number_of(spec);
  if (number == kIcmp || number == kIcmpv6) {
    // Type and code, in no order.
    constexpr std::uint32_t kHighest = 255;
    if (rule.port_range_min() > kHighest || rule.port_range_max() > kHighest) {
      const bool is_type = rule.port_range_min() > kHighest;
      reader.refuse(path + (is_type ? ".port_range_min" : ".port_range_max"),
                    fmt::format("{}", is_type ? rule.port_range_min() : rule.port_range_max()),
                    "is no ICMP type or code: 0 to 255");
    }
    return;
  }
  const bool has_ports = number == kTcp || number == kUdp || number == kSctp;
  const bool is_arp = number == 0;
  if (!has_ports && !is_arp && (spec.port_min != 0 || spec.port_max != 0)) {
    reader.refuse(path + ".port_range_min", fmt::format("{}", spec.port_min),
                  "must be 0, and so must port_range_max: the protocol has no ports");
  }
  // 0 as the end means none.
  if (spec.port_max != 0 && spec.port_min > spec.port_max) {
    reader.refuse(path + ".port_range_max", fmt::format("{}", spec.port_max),
                  fmt::format("must not be less than port_range_min, {}", spec.port_min));
  }
}

void read_remote(const Rule& rule, const std::string& path, FieldReader& reader,
                 SecurityRuleSpec& spec) {
  spec.remote_group_id = reader.id(path + ".remote_group_id", rule.remote_group_id());
  if (rule.remote_ip_prefix().empty()) {
    return;
  }
  const IpPrefix prefix = reader.prefix(path + ".remote_ip_prefix", rule.remote_ip_prefix(), false);
  if (!reader.refused() && prefix.address.is_v4() == spec.is_v6) {
    reader.refuse(path + ".remote_ip_prefix", rule.remote_ip_prefix(),
                  "is not of the rule's ethertype");
  }
  if (!spec.remote_group_id.empty()) {
    reader.refuse(path + ".remote_group_id", spec.remote_group_id,
                  "must be empty if remote_ip_prefix isn't: make two rules");
  }
  if (prefix.length > 0) {
    spec.remote = prefix;
  }
}

SecurityRuleSpec read_rule(const Rule& rule, const std::string& path, FieldReader& reader) {
  SecurityRuleSpec spec;
  spec.id = reader.id(path + ".id", reader.required(path + ".id", rule.id()));
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
  spec.ingress = rule.direction() == SecurityGroupConfiguration::INGRESS;
  spec.is_v6 = rule.ethertype() == alcor::schema::IPV6;
  read_protocol(rule, path, reader, spec);
  read_ports(rule, path, reader, spec);
  read_remote(rule, path, reader, spec);
  return spec;
}

std::vector<IpAddress> read_members(const google::protobuf::RepeatedPtrField<std::string>& texts,
                                    const char* field, FieldReader& reader) {
  std::vector<IpAddress> members;
  members.reserve(static_cast<std::size_t>(texts.size()));
  for (int i = 0; i < texts.size(); ++i) {
    const auto address = IpAddress::parse(texts[i]);
    if (!address || !is_station_address(*address)) {
      reader.refuse(fmt::format("configuration.{}[{}]", field, i), texts[i],
                    "must be the IPv4 or IPv6 address of one station");
      break;
    }
    members.push_back(*address);
  }
  return members;
}

}  // namespace

void ResourceDecoder::add(const alcor::schema::SecurityGroupState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kSecurityGroup, state, key);
  SecurityGroupSpec spec;
  if (intent != Intent::kNothing) {
    reader_.id("configuration.id", reader_.required("configuration.id", configuration.id()));
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
    spec.members = read_members(configuration.member_ips(), "member_ips", reader_);
    spec.removed_members =
        read_members(configuration.removed_member_ips(), "removed_member_ips", reader_);
  }
  finish(out_.security_groups, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
