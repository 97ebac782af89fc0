// Goal states for tests: a small network of two subnets on one router.
#pragma once

#include <string>
#include <vector>

#include "alcor/schema/goalstate.pb.h"

namespace alkaid::agent::test {

namespace schema = alcor::schema;

// "green" is 10.0.1.0/24 with VNI 101, "red" 10.0.2.0/24 with VNI 102.
inline schema::SubnetState subnet(const std::string& id, const std::string& net,
                                  std::uint64_t vni) {
  schema::SubnetState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_vpc_id("vpc");
  configuration.set_cidr(net + ".0/24");
  configuration.set_tunnel_id(vni);
  configuration.set_dhcp_enable(true);
  configuration.mutable_gateway()->set_ip_address(net + ".1");
  configuration.mutable_gateway()->set_mac_address("02:00:00:00:00:01");
  return state;
}

inline schema::SubnetState green() {
  return subnet("green", "10.0.1", 101);
}
inline schema::SubnetState red() {
  return subnet("red", "10.0.2", 102);
}

inline schema::VpcState vpc(std::uint32_t vni = 0) {
  schema::VpcState state;
  state.mutable_configuration()->set_id("vpc");
  state.mutable_configuration()->set_cidr("10.0.0.0/16");
  state.mutable_configuration()->set_tunnel_id(vni);
  return state;
}

inline schema::PortState port(const std::string& id, const std::string& subnet_id,
                              const std::string& ip, const std::string& mac,
                              schema::OperationType operation = schema::CREATE) {
  schema::PortState state;
  state.set_operation_type(operation);
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_device_id("machine");
  configuration.set_device_owner("compute:nova");
  configuration.set_mac_address(mac);
  configuration.set_admin_state_up(true);
  auto& fixed_ip = *configuration.add_fixed_ips();
  fixed_ip.set_subnet_id(subnet_id);
  fixed_ip.set_ip_address(ip);
  return state;
}

inline schema::NeighborState neighbor(const std::string& id, const std::string& subnet_id,
                                      const std::string& ip, const std::string& mac,
                                      const std::string& host,
                                      schema::OperationType operation = schema::CREATE,
                                      std::uint32_t tunnel_id = 0) {
  schema::NeighborConfiguration::FixedIp fixed_ip;
  fixed_ip.set_subnet_id(subnet_id);
  fixed_ip.set_ip_address(ip);
  fixed_ip.set_tunnel_id(tunnel_id);
  schema::NeighborState state;
  state.set_operation_type(operation);
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_mac_address(mac);
  configuration.add_field_9(host);
  configuration.add_field_10(fixed_ip.SerializeAsString());
  return state;
}

inline schema::DHCPState dhcp(const std::string& subnet_id, const std::string& ip,
                              const std::string& mac,
                              schema::OperationType operation = schema::CREATE) {
  schema::DHCPState state;
  state.set_operation_type(operation);
  state.mutable_configuration()->set_subnet_id(subnet_id);
  state.mutable_configuration()->set_mac_address(mac);
  state.mutable_configuration()->set_ipv4_address(ip);
  return state;
}

inline schema::RouterState router(const std::string& id = "router",
                                  schema::UpdateType update = schema::DELTA) {
  schema::RouterState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_update_type(update);
  configuration.set_host_dvr_mac_address("fe:16:11:00:00:07");
  configuration.add_subnet_routing_tables()->set_subnet_id("green");
  configuration.add_subnet_routing_tables()->set_subnet_id("red");
  return state;
}

using RoutingRule = schema::RouterConfiguration::RoutingRule;

inline RoutingRule rule(const std::string& id, const std::string& destination,
                        const std::string& next_hop, std::uint32_t priority = 0) {
  RoutingRule made;
  made.set_id(id);
  made.set_destination(destination);
  made.set_next_hop_ip(next_hop);
  made.set_priority(priority);
  return made;
}

inline RoutingRule gateway_rule(const std::string& id, const std::string& destination,
                                schema::DestinationType type, const std::string& mac = "") {
  RoutingRule made = rule(id, destination, "");
  made.mutable_routing_rule_extra_info()->set_destination_type(type);
  made.mutable_routing_rule_extra_info()->set_next_hop_mac(mac);
  return made;
}

inline RoutingRule without(RoutingRule rule) {
  rule.set_operation_type(schema::DELETE);
  return rule;
}

// The router of router() with rules for green.
inline schema::RouterState router_with(const std::vector<RoutingRule>& rules,
                                       schema::UpdateType update = schema::DELTA) {
  schema::RouterState state = router("router", update);
  for (const RoutingRule& added : rules) {
    *state.mutable_configuration()->mutable_subnet_routing_tables(0)->add_routing_rules() = added;
  }
  return state;
}

inline schema::VpcState vpc_with_gateways(const std::vector<std::string>& ids,
                                          std::uint32_t vni = 0) {
  schema::VpcState state = vpc(vni);
  for (const std::string& id : ids) {
    state.mutable_configuration()->add_gateway_ids(id);
  }
  return state;
}

inline schema::GatewayState gateway(const std::string& id, schema::GatewayType type,
                                    const std::string& vtep,
                                    const std::string& mac = "02:00:00:00:0f:01") {
  schema::GatewayState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id(id);
  configuration.set_gateway_type(type);
  auto& destination = *configuration.add_destinations();
  destination.set_ip_address(vtep);
  destination.set_mac_address(mac);
  return state;
}

using SecurityRule = schema::SecurityGroupConfiguration::SecurityGroupRule;

// Lets TCP to these ports in.
inline SecurityRule allow(const std::string& id, std::uint32_t port,
                          const std::string& remote = "") {
  SecurityRule made;
  made.set_id(id);
  made.set_direction(schema::SecurityGroupConfiguration::INGRESS);
  made.set_protocol(schema::TCP);
  made.set_port_range_min(port);
  made.set_port_range_max(port);
  made.set_remote_ip_prefix(remote);
  return made;
}

// The same from the members of a group.
inline SecurityRule allow_group(const std::string& id, const std::string& group) {
  SecurityRule made = allow(id, 80);
  made.set_remote_group_id(group);
  return made;
}

inline SecurityRule without(SecurityRule rule) {
  rule.set_operation_type(schema::DELETE);
  return rule;
}

inline schema::SecurityGroupState group(const std::string& id,
                                        const std::vector<SecurityRule>& rules,
                                        schema::UpdateType update = schema::DELTA) {
  schema::SecurityGroupState state;
  state.mutable_configuration()->set_id(id);
  state.mutable_configuration()->set_update_type(update);
  for (const SecurityRule& rule : rules) {
    *state.mutable_configuration()->add_security_group_rules() = rule;
  }
  return state;
}

template <class State>
State deleted(State state) {
  state.set_operation_type(schema::DELETE);
  return state;
}

inline schema::PortState with_groups(schema::PortState port,
                                     const std::vector<std::string>& groups) {
  for (const std::string& id : groups) {
    port.mutable_configuration()->add_security_group_ids()->set_id(id);
  }
  return port;
}

// By the extension.
inline schema::NeighborState with_groups(schema::NeighborState neighbor,
                                         const std::vector<std::string>& groups) {
  for (const std::string& id : groups) {
    neighbor.mutable_configuration()->add_security_group_ids(id);
  }
  return neighbor;
}

// Everything of one host: a port in each subnet, a neighbor in each, DHCP, VPC and router.
inline schema::GoalState whole_network() {
  schema::GoalState state;
  *state.add_vpc_states() = vpc();
  *state.add_subnet_states() = green();
  *state.add_subnet_states() = red();
  *state.add_port_states() = port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11");
  *state.add_neighbor_states() =
      neighbor("far-green", "green", "10.0.1.12", "02:00:00:00:01:12", "172.16.0.2");
  *state.add_neighbor_states() =
      neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "172.16.0.2");
  *state.add_dhcp_states() = dhcp("green", "10.0.1.11", "02:00:00:00:01:11");
  *state.add_router_states() = router();
  return state;
}

}  // namespace alkaid::agent::test
