#include "perf/goal_state_load/workload.hpp"

#include <fmt/format.h>

#include "alcor/schema/goalstate.pb.h"

namespace alkaid::perf {
namespace {

using namespace alcor::schema;  // NOLINT(google-build-using-namespace): this file is about it

constexpr std::uint64_t kNeighborMacs = 0x021000000000;
constexpr std::uint64_t kPortMacs = 0x022000000000;
constexpr std::uint32_t kNeighborAddresses = 10U << 24 | 1U << 16;  // 10.1.0.0
constexpr std::uint32_t kPortAddresses = 10U << 24 | 16;            // 10.0.0.16
constexpr std::uint32_t kVteps = 172U << 24 | 16U << 16 | 1;        // 172.16.0.1

// As long as the UUIDs that Alcor's services use.
std::string uuid(std::uint32_t kind, std::uint32_t number) {
  return fmt::format("{:08x}-0000-4000-8000-{:012x}", number, kind);
}
const std::string& vpc_id() {
  static const std::string id = uuid(1, 1);
  return id;
}
const std::string& subnet_id() {
  static const std::string id = uuid(2, 1);
  return id;
}
const std::string& group_id() {
  static const std::string id = uuid(3, 1);
  return id;
}

void fill_port(PortState& state, const std::string& id, const Station& station) {
  state.set_operation_type(CREATE);
  auto& configuration = *state.mutable_configuration();
  configuration.set_revision_number(1);
  configuration.set_id(id);
  configuration.set_update_type(FULL);
  configuration.set_vpc_id(vpc_id());
  configuration.set_name(id);
  configuration.set_device_id(uuid(5, 1));
  configuration.set_mac_address(station.mac.to_string());
  configuration.set_admin_state_up(true);
  auto& fixed_ip = *configuration.add_fixed_ips();
  fixed_ip.set_subnet_id(subnet_id());
  fixed_ip.set_ip_address(station.ip.to_string());
}

void add_policy(GoalStateV2& message) {
  auto& group = (*message.mutable_security_group_states())[group_id()];
  group.set_operation_type(CREATE);
  auto& configuration = *group.mutable_configuration();
  configuration.set_id(group_id());
  configuration.set_vpc_id(vpc_id());
  configuration.set_update_type(FULL);
  for (std::uint32_t i = 0; i < 10; ++i) {
    auto& rule = *configuration.add_security_group_rules();
    rule.set_id(uuid(4, i));
    rule.set_security_group_id(group_id());
    rule.set_direction(i % 2 == 0 ? SecurityGroupConfiguration::EGRESS
                                  : SecurityGroupConfiguration::INGRESS);
    rule.set_protocol(i == 0 ? UDP : TCP);
    rule.set_port_range_min(i == 0 ? 1 : 80 + i);
    rule.set_port_range_max(i == 0 ? 65535 : 80 + i);
    rule.set_remote_ip_prefix("10.0.0.0/8");
  }
  auto& dhcp = (*message.mutable_dhcp_states())[uuid(6, 1)];
  dhcp.set_operation_type(CREATE);
  dhcp.mutable_configuration()->set_subnet_id(subnet_id());
  dhcp.mutable_configuration()->set_mac_address(probe().mac.to_string());
  dhcp.mutable_configuration()->set_ipv4_address(probe().ip.to_string());
}

}  // namespace

Station neighbor(std::uint32_t number) {
  return {MacAddress::from_number(kNeighborMacs + number),
          Ipv4Address{kNeighborAddresses + number}};
}

Ipv4Address vtep_of(std::uint32_t neighbor) {
  return Ipv4Address{kVteps + neighbor % kHosts};
}

Station port(std::uint32_t number) {
  return {MacAddress::from_number(kPortMacs + 1 + number), Ipv4Address{kPortAddresses + number}};
}

Station probe() {
  return {MacAddress::from_number(kPortMacs), Ipv4Address{10U << 24 | 2}};
}

std::string network_message() {
  GoalStateV2 message;
  message.set_format_version(102);
  auto& vpc = (*message.mutable_vpc_states())[vpc_id()];
  vpc.mutable_configuration()->set_id(vpc_id());
  auto& subnet = (*message.mutable_subnet_states())[subnet_id()];
  auto& configuration = *subnet.mutable_configuration();
  configuration.set_id(subnet_id());
  configuration.set_vpc_id(vpc_id());
  configuration.set_cidr("10.0.0.0/8");
  configuration.set_tunnel_id(kVni);
  configuration.mutable_gateway()->set_ip_address("10.255.255.254");
  configuration.mutable_gateway()->set_mac_address("02:00:00:00:00:fe");
  configuration.set_dhcp_enable(true);
  return message.SerializeAsString();
}

std::string probe_port_message(bool with_policy) {
  GoalStateV2 message;
  auto& state = (*message.mutable_port_states())[kProbePort];
  fill_port(state, kProbePort, probe());
  if (with_policy) {
    state.mutable_configuration()->add_security_group_ids()->set_id(group_id());
    add_policy(message);
  }
  return message.SerializeAsString();
}

std::string ports_message(std::uint32_t first, std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t number = first; number < first + count; ++number) {
    GoalStateV2 message;
    const std::string id = uuid(7, number);
    fill_port((*message.mutable_port_states())[id], id, port(number));
    message.AppendToString(&bytes);
  }
  return bytes;
}

std::string neighbors_message(std::uint32_t first, std::uint32_t count, std::uint32_t moves,
                              std::size_t name_bytes) {
  std::string bytes;
  for (std::uint32_t number = first; number < first + count; ++number) {
    GoalStateV2 message;
    const std::string id = uuid(8, number);
    auto& state = (*message.mutable_neighbor_states())["L2/" + id];
    state.set_operation_type(CREATE);
    auto& configuration = *state.mutable_configuration();
    const Station station = neighbor(number);
    configuration.set_revision_number(1);
    configuration.set_id(id);
    configuration.set_update_type(FULL);
    configuration.set_vpc_id(vpc_id());
    configuration.set_name(std::string(name_bytes, 'n'));
    configuration.set_mac_address(station.mac.to_string());
    configuration.set_host_ip_address(vtep_of(number + moves).to_string());
    auto& fixed_ip = *configuration.add_fixed_ips();
    fixed_ip.set_subnet_id(subnet_id());
    fixed_ip.set_ip_address(station.ip.to_string());
    message.AppendToString(&bytes);
  }
  return bytes;
}

std::string slice_message(const std::string& name) {
  GoalStateV2 message;
  message.mutable_slice()->set_name(name);
  message.mutable_slice()->set_operation(Slice::DELTA);
  return message.SerializeAsString();
}

}  // namespace alkaid::perf
