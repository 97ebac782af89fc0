#include "control/console/show/goal_state.hpp"

#include "control/console/api_values.hpp"
#include "control/console/clients.hpp"

namespace alkaid::console {
namespace {

using agent::v1::GetGoalStateResponse;
using Texts = google::protobuf::RepeatedPtrField<std::string>;

Value texts(const Texts& items) {
  return list({items.begin(), items.end()});
}

Value number_or_none(std::uint64_t value) {
  return value == 0 ? none() : number(value);
}

Section vpcs_section(const GetGoalStateResponse& state) {
  Section section{.key = "vpcs", .heading = "VPCs", .when_empty = "no VPCs"};
  section.columns = {left("id", "ID"),    left("name", "NAME"),         left("cidr", "CIDR"),
                     right("vni", "VNI"), left("gateways", "GATEWAYS"), left("subnets", "SUBNETS")};
  for (const auto& vpc : state.vpcs()) {
    section.rows.push_back({text(vpc.id()), text(vpc.name()), text(vpc.cidr()),
                            number_or_none(vpc.vni()), texts(vpc.gateway_ids()),
                            texts(vpc.subnet_ids())});
  }
  return section;
}

Section subnets_section(const GetGoalStateResponse& state) {
  Section section{.key = "subnets", .heading = "Subnets", .when_empty = "no subnets"};
  section.columns = {left("id", "ID"),
                     left("vpc", "VPC"),
                     left("cidr", "CIDR"),
                     right("vni", "VNI"),
                     left("routers", "ROUTERS"),
                     right("ports", "PORTS"),
                     right("neighbors", "NEIGHBORS"),
                     right("dhcp_bindings", "DHCP")};
  for (const auto& subnet : state.subnets()) {
    section.rows.push_back({text(subnet.id()), text(subnet.vpc_id()), text(subnet.cidr()),
                            number_or_none(subnet.vni()), texts(subnet.router_ids()),
                            number(subnet.ports()), number(subnet.neighbors()),
                            number(subnet.dhcp_bindings())});
  }
  return section;
}

Section routers_section(const GetGoalStateResponse& state) {
  Section section{.key = "routers", .heading = "Routers", .when_empty = "no routers"};
  section.columns = {left("id", "ID"), left("table", "TABLE"), left("host_dvr_mac", "DVR MAC"),
                     left("subnets", "SUBNETS"), right("rules", "RULES")};
  for (const auto& router : state.routers()) {
    section.rows.push_back({text(router.id()), identifier(router.table()),
                            mac(router.host_dvr_mac()), texts(router.subnet_ids()),
                            number(router.rules())});
  }
  return section;
}

Section rules_section(const GetGoalStateResponse& state) {
  Section section{
      .key = "routing_rules", .heading = "Routing rules", .when_empty = "no routing rules"};
  section.columns = {left("router", "ROUTER"),
                     left("subnet", "SUBNET"),
                     left("id", "ID"),
                     left("destination", "DESTINATION"),
                     right("priority", "PRIORITY"),
                     left("target", "TARGET"),
                     left("state", "STATE")};
  for (const auto& rule : state.routing_rules()) {
    section.rows.push_back({text(rule.router_id()), text(rule.subnet_id()), text(rule.id()),
                            text(rule.destination()), number(rule.priority()), text(rule.target()),
                            text(rule.state())});
  }
  return section;
}

Section gateways_section(const GetGoalStateResponse& state) {
  Section section{.key = "gateways", .heading = "Gateways", .when_empty = "no gateways"};
  section.columns = {left("id", "ID"),
                     left("type", "TYPE"),
                     left("destinations", "DESTINATIONS"),
                     right("inband_port", "IN-BAND PORT"),
                     right("vni", "VNI"),
                     left("vpcs", "VPCS")};
  for (const auto& gateway : state.gateways()) {
    section.rows.push_back({text(gateway.id()), text(gateway.type()), texts(gateway.destinations()),
                            number_or_none(gateway.inband_port()), number_or_none(gateway.vni()),
                            texts(gateway.vpc_ids())});
  }
  return section;
}

Section groups_section(const GetGoalStateResponse& state) {
  Section section{
      .key = "security_groups", .heading = "Security groups", .when_empty = "no security groups"};
  section.columns = {left("id", "ID"), left("name", "NAME"), left("vpc", "VPC"),
                     right("rules", "RULES")};
  for (const auto& group : state.security_groups()) {
    section.rows.push_back(
        {text(group.id()), text(group.name()), text(group.vpc_id()), number(group.rules())});
  }
  return section;
}

Section security_rules_section(const GetGoalStateResponse& state) {
  Section section{
      .key = "security_rules", .heading = "Security rules", .when_empty = "no security rules"};
  section.columns = {left("security_group", "GROUP"), left("id", "ID"),
                     left("direction", "DIRECTION"),  left("ethertype", "ETHERTYPE"),
                     left("protocol", "PROTOCOL"),    right("port_min", "FROM"),
                     right("port_max", "TO"),         left("remote", "REMOTE")};
  for (const auto& rule : state.security_rules()) {
    section.rows.push_back({text(rule.security_group_id()), text(rule.id()), text(rule.direction()),
                            text(rule.ethertype()), text(rule.protocol()), number(rule.port_min()),
                            number(rule.port_max()), text(rule.remote())});
  }
  return section;
}

Answer fetch(Clients& clients, const std::string& type) {
  agent::v1::GetGoalStateRequest request;
  request.set_type(type);
  GetGoalStateResponse state;
  if (auto failure = clients.call_agent(
          [&](auto& stub, auto* context) { return stub.GetGoalState(context, request, &state); })) {
    return failed(*failure);
  }
  return {goal_state_display(state, type), {}};
}

}  // namespace

Display goal_state_display(const GetGoalStateResponse& state, const std::string& type) {
  const auto is_asked_for = [&type](std::string_view one) { return type.empty() || type == one; };
  Display display;
  if (is_asked_for("VPC")) {
    display.sections.push_back(vpcs_section(state));
  }
  if (is_asked_for("SUBNET")) {
    display.sections.push_back(subnets_section(state));
  }
  if (is_asked_for("ROUTER")) {
    display.sections.push_back(routers_section(state));
    display.sections.push_back(rules_section(state));
  }
  if (is_asked_for("GATEWAY")) {
    display.sections.push_back(gateways_section(state));
  }
  if (is_asked_for("SECURITYGROUP")) {
    display.sections.push_back(groups_section(state));
    display.sections.push_back(security_rules_section(state));
  }
  if (state.left_out() > 0) {
    Section section{.key = "left_out", .heading = "Not shown", .style = Section::Style::kObject};
    section.columns = {right("records", "Records")};
    section.rows.push_back({number(state.left_out())});
    display.sections.push_back(std::move(section));
  }
  return display;
}

Answer show_goal_state(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "");
}
Answer show_vpcs(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "VPC");
}
Answer show_subnets(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "SUBNET");
}
Answer show_routers(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "ROUTER");
}
Answer show_gateways(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "GATEWAY");
}
Answer show_security_groups(Clients& clients, const Arguments& /*arguments*/) {
  return fetch(clients, "SECURITYGROUP");
}

}  // namespace alkaid::console
