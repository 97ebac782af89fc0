// The published schema against the field tables of Alcor's own: numbers, types, names, services.
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "alcor/schema/goalstate.pb.h"
#include "alcor/schema/goalstateprovisioner.pb.h"
#include "alcor/schema/subscribeinfoprovisioner.pb.h"

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

// "number name type", type as protobuf calls it, * for repeated, map<...> for maps. Numbers from
// 1000 on are extensions of ours that Alcor's own schema doesn't have.
const std::map<std::string, std::vector<std::string>> kMessages = {
    {"HostRequest",
     {"1 format_version uint32", "2 state_requests *ResourceStateRequest",
      "1000 slices *SliceState"}},
    {"HostRequest.ResourceStateRequest",
     {"1 request_type RequestType", "2 request_id string", "3 tunnel_id uint32",
      "4 source_ip string", "5 source_port uint32", "6 destination_ip string",
      "7 destination_port uint32", "8 ethertype EtherType", "9 protocol Protocol"}},
    {"HostRequestReply",
     {"1 format_version uint32", "2 operation_statuses *HostRequestOperationStatus",
      "3 total_operation_time uint32"}},
    {"HostRequestReply.HostRequestOperationStatus",
     {"1 request_id string", "2 operation_status OperationStatus"}},
    {"NeighborRulesRequest",
     {"1 format_version uint32", "2 request_id string", "3 neigborstates *NeighborState"}},
    {"GoalStateOperationReply",
     {"1 format_version uint32", "2 operation_statuses *GoalStateOperationStatus",
      "3 message_total_operation_time uint32", "1000 slices *SliceState"}},
    {"GoalStateOperationReply.GoalStateOperationStatus",
     {"1 resource_id string", "2 resource_type ResourceType", "3 operation_type OperationType",
      "4 operation_status OperationStatus", "5 dataplane_programming_time uint32",
      "6 network_configuration_time uint32", "7 state_elapse_time uint32"}},
    {"GoalState",
     {"1 format_version uint32", "2 vpc_states *VpcState", "3 subnet_states *SubnetState",
      "4 port_states *PortState", "5 neighbor_states *NeighborState",
      "6 security_group_states *SecurityGroupState", "7 dhcp_states *DHCPState",
      "8 router_states *RouterState", "9 gateway_states *GatewayState", "1000 slice Slice"}},
    {"ResourceIdType", {"1 type ResourceType", "2 id string"}},
    {"HostResources", {"1 resources *ResourceIdType"}},
    {"GoalStateV2",
     {"1 format_version uint32", "2 host_resources map<HostResources>",
      "3 vpc_states map<VpcState>", "4 subnet_states map<SubnetState>",
      "5 port_states map<PortState>", "6 dhcp_states map<DHCPState>",
      "7 neighbor_states map<NeighborState>", "8 security_group_states map<SecurityGroupState>",
      "9 router_states map<RouterState>", "10 gateway_states map<GatewayState>",
      "1000 slice Slice"}},
    {"VpcState", {"1 operation_type OperationType", "2 configuration VpcConfiguration"}},
    {"VpcConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 project_id string", "6 name string", "7 cidr string", "8 tunnel_id uint32",
      "9 gateway_ids *string"}},
    {"SubnetState", {"1 operation_type OperationType", "2 configuration SubnetConfiguration"}},
    {"SubnetConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 network_type NetworkType", "6 vpc_id string", "7 name string", "8 cidr string",
      "9 tunnel_id uint64", "10 gateway Gateway", "11 dhcp_enable bool",
      "12 extra_dhcp_options *ExtraDhcpOption", "13 dns_entry_list *DnsEntry",
      "14 availability_zone string"}},
    {"SubnetConfiguration.Gateway", {"1 ip_address string", "2 mac_address string"}},
    {"SubnetConfiguration.ExtraDhcpOption", {"1 name string", "2 value string"}},
    {"SubnetConfiguration.DnsEntry", {"1 entry string"}},
    {"PortState", {"1 operation_type OperationType", "2 configuration PortConfiguration"}},
    {"PortConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 vpc_id string", "6 name string", "7 device_id string", "8 device_owner string",
      "9 mac_address string", "10 admin_state_up bool", "11 host_info HostInfo",
      "12 fixed_ips *FixedIp", "13 allow_address_pairs *AllowAddressPair",
      "14 security_group_ids *SecurityGroupId"}},
    {"PortConfiguration.HostInfo", {"1 ip_address string", "2 mac_address string"}},
    {"PortConfiguration.FixedIp", {"1 subnet_id string", "2 ip_address string"}},
    {"PortConfiguration.AllowAddressPair", {"1 ip_address string", "2 mac_address string"}},
    {"PortConfiguration.SecurityGroupId", {"1 id string"}},
    {"NeighborState", {"1 operation_type OperationType", "2 configuration NeighborConfiguration"}},
    {"NeighborConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 vpc_id string", "6 name string", "7 mac_address string", "8 host_mac_address string",
      "9 host_ip_address string", "10 fixed_ips *FixedIp",
      "11 allow_address_pairs *AllowAddressPair", "1000 security_group_ids *string"}},
    {"NeighborConfiguration.FixedIp",
     {"1 neighbor_type NeighborType", "2 subnet_id string", "3 ip_address string",
      "4 arion_group string", "5 tunnel_id uint32"}},
    {"NeighborConfiguration.AllowAddressPair", {"1 ip_address string", "2 mac_address string"}},
    {"SecurityGroupState",
     {"1 operation_type OperationType", "2 configuration SecurityGroupConfiguration"}},
    {"SecurityGroupConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 vpc_id string", "6 name string", "7 security_group_rules *SecurityGroupRule",
      "1000 member_ips *string", "1001 removed_member_ips *string"}},
    {"SecurityGroupConfiguration.SecurityGroupRule",
     {"1 operation_type OperationType", "2 security_group_id string", "3 id string",
      "4 direction Direction", "5 ethertype EtherType", "6 protocol Protocol",
      "7 port_range_min uint32", "8 port_range_max uint32", "9 remote_ip_prefix string",
      "10 remote_group_id string", "1000 protocol_number uint32"}},
    {"DHCPState", {"1 operation_type OperationType", "2 configuration DHCPConfiguration"}},
    {"DHCPConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 subnet_id string", "6 mac_address string", "7 ipv4_address string",
      "8 ipv6_address string", "9 port_host_name string"}},
    {"RouterState", {"1 operation_type OperationType", "2 configuration RouterConfiguration"}},
    {"RouterConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string", "4 update_type UpdateType",
      "5 host_dvr_mac_address string", "6 subnet_routing_tables *SubnetRoutingTable"}},
    {"RouterConfiguration.RoutingRuleExtraInfo",
     {"1 destination_type DestinationType", "2 next_hop_mac string"}},
    {"RouterConfiguration.RoutingRule",
     {"1 operation_type OperationType", "2 id string", "3 name string", "4 destination string",
      "5 next_hop_ip string", "6 priority uint32",
      "7 routing_rule_extra_info RoutingRuleExtraInfo"}},
    {"RouterConfiguration.SubnetRoutingTable",
     {"1 subnet_id string", "2 routing_rules *RoutingRule"}},
    {"GatewayState", {"1 operation_type OperationType", "2 configuration GatewayConfiguration"}},
    {"GatewayConfiguration",
     {"1 revision_number uint32", "2 request_id string", "3 id string",
      "4 gateway_type GatewayType", "5 destinations *destination", "6 zeta_info zeta",
      "7 arion_info arion"}},
    {"GatewayConfiguration.destination", {"1 ip_address string", "2 mac_address string"}},
    {"GatewayConfiguration.zeta", {"1 port_inband_operation uint32"}},
    {"GatewayConfiguration.arion",
     {"1 vpc_id string", "2 vni uint32", "3 subnet_id string", "4 port_inband_operation uint32"}},
    {"NodeSubscribeInfo",
     {"1 subscribe_operation SubscribeOperation", "2 topic string", "3 key string"}},
    {"SubscribeOperationReply", {"1 operationStatus OperationStatus"}},
};

const std::map<std::string, std::vector<std::string>> kEnums = {
    {"ResourceType",
     {"VPC", "SUBNET", "PORT", "NEIGHBOR", "SECURITYGROUP", "DHCP", "ROUTER", "GATEWAY"}},
    {"OperationType", {"INFO", "CREATE", "UPDATE", "GET", "DELETE"}},
    {"OperationStatus", {"SUCCESS", "FAILURE", "INVALID_ARG", "PENDING", "OUT_OF_ORDER"}},
    {"RequestType", {"ON_DEMAND", "AGENT_RESTARTED"}},
    {"EtherType", {"IPV4", "IPV6"}},
    {"Protocol", {"TCP", "UDP", "ICMP", "HTTP", "ARP"}},
    {"NetworkType", {"VXLAN", "VLAN", "GRE", "GENEVE", "VXLAN_GPE"}},
    {"UpdateType", {"DELTA", "FULL"}},
    {"NeighborType", {"L2", "L3"}},
    {"SecurityGroupConfiguration.Direction", {"EGRESS", "INGRESS"}},
    {"DestinationType", {"INTERNET", "VPC_GW"}},
    {"GatewayType", {"DEFAULT", "ZETA", "TGW", "IGW", "NGW", "ARION"}},
    {"SubscribeOperation", {"Subscribe", "Unsubscribe"}},
};

// A program holds only the files that it refers to: one message of each file that no other imports.
[[maybe_unused]] const Descriptor* const kRoots[] = {
    alcor::schema::HostRequest::descriptor(),
    alcor::schema::NodeSubscribeInfo::descriptor(),
};

std::string describe(const FieldDescriptor& field) {
  const auto type_of = [](const FieldDescriptor& of) -> std::string {
    if (of.message_type() != nullptr) {
      return of.message_type()->name();
    }
    return of.enum_type() != nullptr ? of.enum_type()->name() : of.type_name();
  };
  std::string type;
  if (field.is_map()) {
    EXPECT_EQ(field.message_type()->map_key()->type(), FieldDescriptor::TYPE_STRING);
    type = fmt::format("map<{}>", type_of(*field.message_type()->map_value()));
  } else {
    type = fmt::format("{}{}", field.is_repeated() ? "*" : "", type_of(field));
  }
  return fmt::format("{} {} {}", field.number(), field.name(), type);
}

TEST(PublishedSchema, MessagesHaveTheirFields) {
  for (const auto& [name, fields] : kMessages) {
    const Descriptor* message =
        DescriptorPool::generated_pool()->FindMessageTypeByName("alcor.schema." + name);
    ASSERT_NE(message, nullptr) << name;
    std::vector<std::string> found;
    for (int i = 0; i < message->field_count(); ++i) {
      found.push_back(describe(*message->field(i)));
    }
    EXPECT_EQ(found, fields) << name;
  }
}

TEST(PublishedSchema, EnumsHaveTheirNumbers) {
  for (const auto& [name, values] : kEnums) {
    const EnumDescriptor* type =
        DescriptorPool::generated_pool()->FindEnumTypeByName("alcor.schema." + name);
    ASSERT_NE(type, nullptr) << name;
    ASSERT_EQ(type->value_count(), static_cast<int>(values.size())) << name;
    for (int i = 0; i < type->value_count(); ++i) {
      EXPECT_EQ(type->value(i)->number(), i) << name;
      EXPECT_EQ(type->value(i)->name(), values[static_cast<std::size_t>(i)]) << name;
    }
  }
}

TEST(PublishedSchema, TableNamesEveryMessage) {
  std::size_t found = 0;
  const auto count = [&found](const auto& self, const Descriptor& message) -> void {
    if (message.options().map_entry()) {
      return;
    }
    ++found;
    for (int i = 0; i < message.nested_type_count(); ++i) {
      self(self, *message.nested_type(i));
    }
  };
  for (const char* file :
       {"common", "dhcp", "gateway", "goalstate", "goalstateprovisioner", "neighbor", "port",
        "router", "securitygroup", "subnet", "subscribeinfoprovisioner", "vpc"}) {
    const auto* descriptor = DescriptorPool::generated_pool()->FindFileByName(
        std::string{"alcor/schema/"} + file + ".proto");
    ASSERT_NE(descriptor, nullptr) << file;
    EXPECT_EQ(descriptor->package(), "alcor.schema");
    for (int i = 0; i < descriptor->message_type_count(); ++i) {
      count(count, *descriptor->message_type(i));
    }
  }
  EXPECT_EQ(found, kMessages.size());
}

TEST(PublishedSchema, ServicesHaveTheirPaths) {
  const auto* service =
      DescriptorPool::generated_pool()->FindServiceByName("alcor.schema.GoalStateProvisioner");
  ASSERT_NE(service, nullptr);
  struct Method {
    const char* name;
    const char* input;
    const char* output;
    bool streams;
  };
  for (const Method& wanted :
       {Method{"PushNetworkResourceStates", "GoalState", "GoalStateOperationReply", false},
        Method{"PushGoalStatesStream", "GoalStateV2", "GoalStateOperationReply", true},
        Method{"RequestGoalStates", "HostRequest", "HostRequestReply", false},
        Method{"PushGoalstates", "NeighborRulesRequest", "GoalStateOperationReply", false}}) {
    const auto* method = service->FindMethodByName(wanted.name);
    ASSERT_NE(method, nullptr) << wanted.name;
    EXPECT_EQ(method->input_type()->name(), wanted.input);
    EXPECT_EQ(method->output_type()->name(), wanted.output);
    EXPECT_EQ(method->client_streaming(), wanted.streams);
    EXPECT_EQ(method->server_streaming(), wanted.streams);
  }
  EXPECT_EQ(service->method_count(), 4);
  EXPECT_NE(DescriptorPool::generated_pool()->FindMethodByName(
                "alcor.schema.SubscribeInfoProvisioner.PushNodeSubscribeInfo"),
            nullptr);
}

TEST(PublishedSchema, NeighborIsWrittenInTheCurrentLayout) {
  alcor::schema::NeighborConfiguration configuration;
  configuration.set_host_ip_address("1.2.3.4");
  configuration.add_fixed_ips()->set_ip_address("9");
  EXPECT_EQ(configuration.SerializeAsString(), std::string("\x4a\x07"
                                                           "1.2.3.4"
                                                           "\x52\x03\x1a\x01"
                                                           "9"));
}

TEST(PublishedSchema, JsonRoundTrip) {
  alcor::schema::GoalStateV2 message;
  auto& port = *(*message.mutable_port_states())["p"].mutable_configuration();
  port.set_id("p");
  port.add_fixed_ips()->set_subnet_id("s");
  (*message.mutable_neighbor_states())["L2/n"].mutable_configuration()->add_fixed_ips();
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  alcor::schema::GoalStateV2 back;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &back).ok());
  EXPECT_EQ(back.port_states().at("p").configuration().fixed_ips(0).subnet_id(), "s");
  EXPECT_EQ(back.neighbor_states().at("L2/n").configuration().fixed_ips_size(), 1);
}

}  // namespace
