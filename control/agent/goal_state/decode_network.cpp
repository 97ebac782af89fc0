// VPC, subnet, router, and what is only remembered.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

using alcor::schema::RouterConfiguration;

std::string network_type_name(alcor::schema::NetworkType type) {
  const std::string& name = alcor::schema::NetworkType_Name(type);
  return name.empty() ? fmt::format("{}", static_cast<int>(type)) : name;
}

void read_gateway(const alcor::schema::SubnetConfiguration& configuration, FieldReader& reader,
                  SubnetSpec& spec) {
  const auto& gateway = configuration.gateway();
  const IpAddress address =
      reader.optional_address("configuration.gateway.ip_address", gateway.ip_address());
  const MacAddress mac =
      reader.optional_mac("configuration.gateway.mac_address", gateway.mac_address());
  if (address.is_unset()) {
    return;
  }
  if (address.is_v4() != spec.cidr.address.is_v4()) {
    reader.refuse("configuration.gateway.ip_address", gateway.ip_address(),
                  "is not of the subnet's address family");
  }
  // Without a MAC nothing can answer for the address: the subnet has no gateway (yet).
  spec.has_gateway = !mac.is_zero();
  if (spec.has_gateway) {
    spec.gateway = {address, mac};
  }
}

RoutingRuleSpec read_rule(const RouterConfiguration::RoutingRule& rule, const std::string& path,
                          FieldReader& reader) {
  RoutingRuleSpec spec;
  spec.id = reader.required(path + ".id", rule.id());
  spec.is_delete = rule.operation_type() == alcor::schema::DELETE;
  if (spec.is_delete) {
    return spec;
  }
  spec.destination = reader.prefix(path + ".destination", rule.destination(), false);
  spec.next_hop = reader.optional_address_of_family(path + ".next_hop_ip", rule.next_hop_ip(),
                                                    spec.destination.address.is_v4());
  reader.optional_mac(path + ".routing_rule_extra_info.next_hop_mac",
                      rule.routing_rule_extra_info().next_hop_mac());
  spec.priority = rule.priority();
  return spec;
}

}  // namespace

Intent ResourceDecoder::begin(ResourceType type, int operation, std::string_view id,
                              std::string_view key) {
  reader_.clear();
  out_.results.push_back(
      {id.empty() ? key : id, type,
       static_cast<std::uint8_t>(std::min(static_cast<unsigned>(operation), 255U)),
       Status::kSuccess});
  switch (operation) {
    case alcor::schema::INFO:
    case alcor::schema::CREATE:
    case alcor::schema::UPDATE:
      return Intent::kSet;
    case alcor::schema::DELETE:
      return Intent::kDelete;
    case alcor::schema::GET:
      return Intent::kNothing;
    default:
      reader_.refuse("operation_type", fmt::format("{}", operation),
                     "must be 0 (INFO), 1 (CREATE), 2 (UPDATE), 3 (GET) or 4 (DELETE)");
      return Intent::kNothing;
  }
}

void ResourceDecoder::add(const alcor::schema::VpcState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kVpc, state.operation_type(), configuration.id(), key);
  VpcSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    if (!configuration.cidr().empty()) {
      reader_.prefix("configuration.cidr", configuration.cidr(), true);
    }
    spec.vni = reader_.vni("configuration.tunnel_id", configuration.tunnel_id());
  }
  finish(out_.vpcs, intent, configuration.id(), std::move(spec));
}

void ResourceDecoder::add(const alcor::schema::SubnetState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kSubnet, state.operation_type(), configuration.id(), key);
  SubnetSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kDelete) {
    spec.vni = Vni::from_number(configuration.tunnel_id()).value_or(Vni{});
  }
  if (intent == Intent::kSet) {
    if (configuration.network_type() != alcor::schema::VXLAN) {
      reader_.refuse("configuration.network_type", network_type_name(configuration.network_type()),
                     "is not carried: VXLAN is");
    }
    spec.vpc_id = configuration.vpc_id();
    spec.cidr = reader_.prefix("configuration.cidr", configuration.cidr(), true);
    spec.vni = reader_.vni("configuration.tunnel_id", configuration.tunnel_id());
    if (!reader_.refused()) {
      read_gateway(configuration, reader_, spec);
    }
    spec.dhcp_enabled = configuration.dhcp_enable();
    const bool bounded =
        reader_.list("configuration.dns_entry_list", configuration.dns_entry_list_size());
    for (int i = 0; bounded && i < configuration.dns_entry_list_size(); ++i) {
      spec.dns_servers.push_back(
          reader_.address(fmt::format("configuration.dns_entry_list[{}].entry", i),
                          configuration.dns_entry_list(i).entry()));
    }
  }
  finish(out_.subnets, intent, configuration.id(), std::move(spec));
}

void ResourceDecoder::add(const alcor::schema::RouterState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kRouter, state.operation_type(), configuration.id(), key);
  RouterSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    spec.replaces = configuration.update_type() == alcor::schema::FULL;
    spec.host_dvr_mac = reader_.optional_mac("configuration.host_dvr_mac_address",
                                             configuration.host_dvr_mac_address());
    for (int i = 0; i < configuration.subnet_routing_tables_size(); ++i) {
      const auto& table = configuration.subnet_routing_tables(i);
      const std::string path = fmt::format("configuration.subnet_routing_tables[{}]", i);
      SubnetRoutingSpec subnet;
      subnet.subnet_id = reader_.required(path + ".subnet_id", table.subnet_id());
      for (int rule = 0; rule < table.routing_rules_size(); ++rule) {
        subnet.rules.push_back(read_rule(table.routing_rules(rule),
                                         fmt::format("{}.routing_rules[{}]", path, rule), reader_));
      }
      spec.subnets.push_back(std::move(subnet));
    }
  }
  finish(out_.routers, intent, configuration.id(), std::move(spec));
}

void ResourceDecoder::add(const alcor::schema::SecurityGroupState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kSecurityGroup, state.operation_type(), configuration.id(), key);
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  finish(out_.security_groups, intent, configuration.id(), NoSpec{});
}

void ResourceDecoder::add(const alcor::schema::GatewayState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kGateway, state.operation_type(), configuration.id(), key);
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  finish(out_.gateways, intent, configuration.id(), NoSpec{});
}

}  // namespace alkaid::agent
