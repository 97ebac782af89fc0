#include "control/agent/server/goal_state_report.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "control/agent/goal_state/decoded_goal_state.hpp"

namespace alkaid::agent {
namespace {

constexpr std::array<std::string_view, 6> kGatewayTypes = {"DEFAULT", "ZETA", "TGW",
                                                           "IGW",     "NGW",  "ARION"};
constexpr std::array<std::string_view, 5> kProtocols = {"TCP", "UDP", "ICMP", "HTTP", "ARP"};

class Report {
 public:
  Report(const DesiredStore& store, v1::GetGoalStateResponse& response)
      : store_(store), response_(response) {}

  void add_vpcs();
  void add_subnets();
  void add_routers();
  void add_gateways();
  void add_security_groups();

 private:
  static constexpr std::size_t kMostRecords = 50000;

  // False: the record is only counted.
  bool has_room() {
    if (records_ < kMostRecords) {
      ++records_;
      return true;
    }
    response_.set_left_out(response_.left_out() + 1);
    return false;
  }

  void add_rule(const std::string& router, const std::string& subnet_id,
                const RoutingRuleSpec& rule);
  [[nodiscard]] std::string_view state_of(const Subnet* subnet, const RoutingRuleSpec& rule) const;

  const DesiredStore& store_;
  v1::GetGoalStateResponse& response_;
  std::size_t records_ = 0;
};

std::string target_of(const RoutingRuleSpec& rule) {
  const std::string address =
      rule.next_hop.is_unset() ? "" : fmt::format(" {}", rule.next_hop.to_string());
  switch (rule.via) {
    case RouteVia::kBlackhole:
      return "blackhole";
    case RouteVia::kNextHop:
      return "via" + address;
    case RouteVia::kVpcGateway:
      return "VPC gateway" + address;
    case RouteVia::kInternet:
      return "internet gateway" + address;
  }
  return "";
}

std::string protocol_of(const SecurityRuleSpec& rule) {
  if (rule.protocol_number == 0) {
    return std::string{kProtocols.at(static_cast<std::size_t>(rule.protocol))};
  }
  return rule.protocol_number == kAnyProtocol ? "any" : fmt::format("{}", rule.protocol_number);
}

void Report::add_vpcs() {
  for (const auto& [id, vpc] : store_.vpcs()) {
    if (!vpc.known || !has_room()) {
      continue;
    }
    auto& added = *response_.add_vpcs();
    added.set_id(id);
    added.set_name(vpc.spec.name);
    added.set_cidr(vpc.spec.cidr ? vpc.spec.cidr->to_string() : "");
    added.set_vni(vpc.spec.vni.number());
    for (const std::string& gateway : vpc.spec.gateway_ids) {
      added.add_gateway_ids(gateway);
    }
    for (const Subnet* subnet : vpc.subnets) {
      added.add_subnet_ids(subnet->id);
    }
    std::sort(added.mutable_subnet_ids()->begin(), added.mutable_subnet_ids()->end());
  }
}

void Report::add_subnets() {
  for (const auto& [id, subnet] : store_.subnets()) {
    if (!subnet->known || !has_room()) {
      continue;
    }
    auto& added = *response_.add_subnets();
    added.set_id(id);
    added.set_vpc_id(subnet->spec.vpc_id);
    added.set_cidr(subnet->spec.cidr.to_string());
    added.set_vni(subnet->vni.number());
    for (const std::string& router : subnet->routers) {
      added.add_router_ids(router);
    }
    added.set_ports(subnet->ports.size());
    added.set_neighbors(subnet->neighbors.size());
    added.set_dhcp_bindings(subnet->dhcp.size());
  }
}

std::string_view Report::state_of(const Subnet* subnet, const RoutingRuleSpec& rule) const {
  const auto route =
      subnet == nullptr || subnet->vni == Vni{} ? std::nullopt : store_.resolve_rule(*subnet, rule);
  if (!route) {
    return "waits";
  }
  return store_.is_best_rule(*subnet, rule) ? "in effect" : "another rule wins";
}

void Report::add_rule(const std::string& router, const std::string& subnet_id,
                      const RoutingRuleSpec& rule) {
  if (!has_room()) {
    return;
  }
  auto& added = *response_.add_routing_rules();
  added.set_router_id(router);
  added.set_subnet_id(subnet_id);
  added.set_id(rule.id);
  added.set_destination(rule.destination->to_string());
  added.set_priority(rule.priority);
  added.set_target(target_of(rule));
  added.set_state(std::string{state_of(store_.find_subnet(subnet_id), rule)});
}

void Report::add_routers() {
  for (const auto& [id, router] : store_.routers()) {
    std::size_t rules_of_router = 0;
    for (const auto& [subnet_id, rules] : router.subnets) {
      rules_of_router += rules.size();
      for (const auto& [rule_id, rule] : rules) {
        add_rule(id, subnet_id, rule);
      }
    }
    if (!has_room()) {
      continue;
    }
    auto& added = *response_.add_routers();
    added.set_id(id);
    added.set_table(router_key(id));
    added.set_host_dvr_mac(router.host_dvr_mac.number());
    added.set_rules(rules_of_router);
    for (const auto& [subnet_id, rules] : router.subnets) {
      added.add_subnet_ids(subnet_id);
    }
  }
}

void Report::add_gateways() {
  for (const auto& [id, gateway] : store_.gateways()) {
    if (!gateway.known || !has_room()) {
      continue;
    }
    auto& added = *response_.add_gateways();
    added.set_id(id);
    added.set_type(std::string{kGatewayTypes.at(static_cast<std::size_t>(gateway.spec.type))});
    for (const auto& destination : gateway.spec.destinations) {
      added.add_destinations(
          fmt::format("{} {}", destination.vtep.to_string(),
                      destination.mac.is_zero() ? "-" : destination.mac.to_string()));
    }
    added.set_inband_port(gateway.spec.inband_port);
    added.set_vni(gateway.spec.vni.number());
    for (const std::string& vpc : gateway.vpcs) {
      added.add_vpc_ids(vpc);
    }
  }
}

void Report::add_security_groups() {
  for (const auto& [id, group] : store_.security_groups()) {
    if (!group.known) {
      continue;
    }
    if (has_room()) {
      auto& added = *response_.add_security_groups();
      added.set_id(id);
      added.set_name(group.name);
      added.set_vpc_id(group.vpc_id);
      added.set_rules(group.rules.size());
    }
    for (const auto& [rule_id, rule] : group.rules) {
      if (!has_room()) {
        continue;
      }
      auto& added = *response_.add_security_rules();
      added.set_security_group_id(id);
      added.set_id(rule_id);
      added.set_direction(rule.ingress ? "ingress" : "egress");
      added.set_ethertype(rule.is_v6 ? "IPv6" : "IPv4");
      added.set_protocol(protocol_of(rule));
      added.set_port_min(rule.port_min);
      added.set_port_max(rule.port_max);
      added.set_remote(rule.remote ? rule.remote->to_string() : rule.remote_group_id);
    }
  }
}

}  // namespace

v1::GetGoalStateResponse report_goal_state(const DesiredStore& store,
                                           const v1::GetGoalStateRequest& request) {
  v1::GetGoalStateResponse response;
  Report report{store, response};
  const auto is_asked_for = [&request](ResourceType type) {
    return request.type().empty() || request.type() == to_string(type);
  };
  if (is_asked_for(ResourceType::kVpc)) {
    report.add_vpcs();
  }
  if (is_asked_for(ResourceType::kSubnet)) {
    report.add_subnets();
  }
  if (is_asked_for(ResourceType::kRouter)) {
    report.add_routers();
  }
  if (is_asked_for(ResourceType::kGateway)) {
    report.add_gateways();
  }
  if (is_asked_for(ResourceType::kSecurityGroup)) {
    report.add_security_groups();
  }
  return response;
}

}  // namespace alkaid::agent
