// Routers and their routing rules.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

using alcor::schema::RouterConfiguration;

RoutingRuleSpec read_rule(const RouterConfiguration::RoutingRule& rule, const std::string& path,
                          FieldReader& reader) {
  RoutingRuleSpec spec;
  spec.id = reader.required(path + ".id", rule.id());
  spec.is_delete = rule.operation_type() == alcor::schema::DELETE;
  if (spec.is_delete) {
    // Where the rule itself isn't known any more, its destination says which route is meant.
    if (const auto destination = IpPrefix::parse(rule.destination())) {
      spec.destination = destination->masked();
    }
    return spec;
  }
  const IpPrefix destination = reader.prefix(path + ".destination", rule.destination(), false);
  spec.destination = destination;
  spec.next_hop = reader.optional_address_of_family(path + ".next_hop_ip", rule.next_hop_ip(),
                                                    destination.address.is_v4());
  const auto& extra = rule.routing_rule_extra_info();
  const std::string extra_path = path + ".routing_rule_extra_info";
  spec.next_hop_mac = reader.optional_mac(extra_path + ".next_hop_mac", extra.next_hop_mac());
  if (!rule.has_routing_rule_extra_info()) {
    spec.via = spec.next_hop.is_unset() ? RouteVia::kBlackhole : RouteVia::kNextHop;
  } else if (extra.destination_type() == alcor::schema::INTERNET) {
    spec.via = RouteVia::kInternet;
  } else if (extra.destination_type() == alcor::schema::VPC_GW) {
    spec.via = RouteVia::kVpcGateway;
  } else {
    reader.refuse(extra_path + ".destination_type",
                  fmt::format("{}", static_cast<int>(extra.destination_type())),
                  "must be 0 (INTERNET) or 1 (VPC_GW)");
  }
  spec.priority = rule.priority();
  return spec;
}

}  // namespace

void ResourceDecoder::add(const alcor::schema::RouterState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kRouter, state, key);
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

}  // namespace alkaid::agent
