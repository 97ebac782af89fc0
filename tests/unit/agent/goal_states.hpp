// Goal states for tests: a small network of two subnets on one router.
#pragma once

#include <string>

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
