#include "control/agent/goal_state/decoder.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

PortAttach attach(const char* text = "af_packet:{tap_name}") {
  std::string error;
  return PortAttach::parse(text, error).value();
}

DecodedGoalState decode_v1(const schema::GoalState& message) {
  static const PortAttach kAttach = attach();
  return decode(message, {kAttach, {}});
}

struct RefusalCase {
  const char* name;
  std::function<void(schema::GoalState&)> spoil;  // of a state that is right
  const char* field;
  const char* value;
};

auto& vpc_of(schema::GoalState& m) {
  return *m.mutable_vpc_states(0)->mutable_configuration();
}
auto& subnet_of(schema::GoalState& m) {
  return *m.mutable_subnet_states(0)->mutable_configuration();
}
auto& port_of(schema::GoalState& m) {
  return *m.mutable_port_states(0)->mutable_configuration();
}
auto& neighbor_of(schema::GoalState& m) {
  return *m.mutable_neighbor_states(0)->mutable_configuration();
}
auto& dhcp_of(schema::GoalState& m) {
  return *m.mutable_dhcp_states(0)->mutable_configuration();
}
auto& router_of(schema::GoalState& m) {
  return *m.mutable_router_states(0)->mutable_configuration();
}

std::string fixed_ip(const std::string& subnet, const std::string& ip, std::uint32_t tunnel = 0) {
  schema::NeighborConfiguration::FixedIp message;
  message.set_subnet_id(subnet);
  message.set_ip_address(ip);
  message.set_tunnel_id(tunnel);
  return message.SerializeAsString();
}

const std::vector<RefusalCase> kRefusals = {
    {"VpcWithoutId", [](auto& m) { vpc_of(m).clear_id(); }, "configuration.id", ""},
    {"VpcBadCidr", [](auto& m) { vpc_of(m).set_cidr("10.0.0.0/33"); }, "configuration.cidr",
     "10.0.0.0/33"},
    {"VpcVniTooLarge", [](auto& m) { vpc_of(m).set_tunnel_id(1 << 24); }, "configuration.tunnel_id",
     "16777216"},
    {"SubnetWithoutId", [](auto& m) { subnet_of(m).clear_id(); }, "configuration.id", ""},
    {"SubnetBadCidr", [](auto& m) { subnet_of(m).set_cidr("10.0.1/24"); }, "configuration.cidr",
     "10.0.1/24"},
    {"SubnetCidrWithoutLength", [](auto& m) { subnet_of(m).set_cidr("10.0.1.0"); },
     "configuration.cidr", "10.0.1.0"},
    {"SubnetWithoutCidr", [](auto& m) { subnet_of(m).clear_cidr(); }, "configuration.cidr", ""},
    {"SubnetVniTooLarge", [](auto& m) { subnet_of(m).set_tunnel_id(1ULL << 24); },
     "configuration.tunnel_id", "16777216"},
    {"SubnetVniFarTooLarge", [](auto& m) { subnet_of(m).set_tunnel_id(0x100000065ULL); },
     "configuration.tunnel_id", "4294967397"},
    {"SubnetGre", [](auto& m) { subnet_of(m).set_network_type(schema::GRE); },
     "configuration.network_type", "GRE"},
    {"SubnetUnknownNetworkType",
     [](auto& m) { subnet_of(m).set_network_type(static_cast<schema::NetworkType>(77)); },
     "configuration.network_type", "77"},
    {"SubnetBadGateway",
     [](auto& m) { subnet_of(m).mutable_gateway()->set_ip_address("10.0.1.256"); },
     "configuration.gateway.ip_address", "10.0.1.256"},
    {"SubnetGatewayOfOtherFamily",
     [](auto& m) { subnet_of(m).mutable_gateway()->set_ip_address("2001:db8::1"); },
     "configuration.gateway.ip_address", "2001:db8::1"},
    {"SubnetBadGatewayMac",
     [](auto& m) { subnet_of(m).mutable_gateway()->set_mac_address("02:00:00:00:00"); },
     "configuration.gateway.mac_address", "02:00:00:00:00"},
    {"SubnetMulticastGatewayMac",
     [](auto& m) { subnet_of(m).mutable_gateway()->set_mac_address("ff:ff:ff:ff:ff:ff"); },
     "configuration.gateway.mac_address", "ff:ff:ff:ff:ff:ff"},
    {"SubnetBadDns", [](auto& m) { subnet_of(m).add_dns_entry_list()->set_entry("one.one"); },
     "configuration.dns_entry_list[0].entry", "one.one"},
    {"PortWithoutId", [](auto& m) { port_of(m).clear_id(); }, "configuration.id", ""},
    {"PortBadMac", [](auto& m) { port_of(m).set_mac_address("02:00:00:00:00:0g"); },
     "configuration.mac_address", "02:00:00:00:00:0g"},
    {"PortZeroMac", [](auto& m) { port_of(m).set_mac_address("0:0:0:0:0:0"); },
     "configuration.mac_address", "0:0:0:0:0:0"},
    {"PortWithoutAddress", [](auto& m) { port_of(m).clear_fixed_ips(); }, "configuration.fixed_ips",
     ""},
    {"PortWithoutSubnet", [](auto& m) { port_of(m).mutable_fixed_ips(0)->clear_subnet_id(); },
     "configuration.fixed_ips[0].subnet_id", ""},
    {"PortMulticastAddress",
     [](auto& m) { port_of(m).mutable_fixed_ips(0)->set_ip_address("224.0.0.1"); },
     "configuration.fixed_ips[0].ip_address", "224.0.0.1"},
    {"PortBadPair",
     [](auto& m) { port_of(m).add_allow_address_pairs()->set_ip_address("10.0.0.0/x"); },
     "configuration.allow_address_pairs[0].ip_address", "10.0.0.0/x"},
    {"PortIdIsAPath", [](auto& m) { port_of(m).set_id("../etc"); }, "configuration.id",
     "tap../etc"},
    {"PortWithTooManyAddresses",
     [](auto& m) {
       while (port_of(m).fixed_ips_size() <= 1024) {
         *port_of(m).add_fixed_ips() = port_of(m).fixed_ips(0);
       }
     },
     "configuration.fixed_ips", "1025 entries"},
    {"PortWithTooManyPairs",
     [](auto& m) {
       while (port_of(m).allow_address_pairs_size() <= 1024) {
         port_of(m).add_allow_address_pairs()->set_ip_address("10.0.0.1");
       }
     },
     "configuration.allow_address_pairs", "1025 entries"},
    {"SubnetWithTooManyServers",
     [](auto& m) {
       while (subnet_of(m).dns_entry_list_size() <= 1024) {
         subnet_of(m).add_dns_entry_list()->set_entry("10.0.0.1");
       }
     },
     "configuration.dns_entry_list", "1025 entries"},
    {"NeighborWithTooManyAddresses",
     [](auto& m) {
       while (neighbor_of(m).field_10_size() <= 1024) {
         neighbor_of(m).add_field_10(neighbor_of(m).field_10(0));
       }
     },
     "configuration.fixed_ips", "1025 entries"},
    {"PortIdTooLong", [](auto& m) { port_of(m).set_id(std::string(256, 'p')); }, "configuration.id",
     "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
     "pp"
     "ppppppppppppppppppppppppppppppppp..."},
    {"PortIdIsNoDeviceName", [](auto& m) { port_of(m).set_id("a:b"); }, "configuration.id",
     "tapa:b"},
    {"NeighborWithoutId", [](auto& m) { neighbor_of(m).clear_id(); }, "configuration.id", ""},
    {"NeighborBadMac", [](auto& m) { neighbor_of(m).set_mac_address("1-2:3-4:5-6"); },
     "configuration.mac_address", "1-2:3-4:5-6"},
    {"NeighborBadHost", [](auto& m) { neighbor_of(m).set_field_9(0, "host-2"); },
     "configuration.host_ip_address", "host-2"},
    {"NeighborWithoutHost", [](auto& m) { neighbor_of(m).clear_field_9(); },
     "configuration.host_ip_address", ""},
    {"NeighborWithoutAddress", [](auto& m) { neighbor_of(m).clear_field_10(); },
     "configuration.fixed_ips", ""},
    {"NeighborGarbledAddress", [](auto& m) { neighbor_of(m).set_field_10(0, "\xff\xff\xff"); },
     "configuration.fixed_ips[0]", "\\xff\\xff\\xff"},
    {"NeighborBadAddress",
     [](auto& m) { neighbor_of(m).set_field_10(0, fixed_ip("green", "10.0.1.")); },
     "configuration.fixed_ips[0].ip_address", "10.0.1."},
    {"NeighborWithoutSubnet",
     [](auto& m) { neighbor_of(m).set_field_10(0, fixed_ip("", "10.0.1.9")); },
     "configuration.fixed_ips[0].subnet_id", ""},
    {"NeighborVniTooLarge",
     [](auto& m) { neighbor_of(m).set_field_10(0, fixed_ip("green", "10.0.1.9", 1 << 24)); },
     "configuration.fixed_ips[0].tunnel_id", "16777216"},
    {"DhcpWithoutSubnet", [](auto& m) { dhcp_of(m).clear_subnet_id(); }, "configuration.subnet_id",
     ""},
    {"DhcpBadMac", [](auto& m) { dhcp_of(m).set_mac_address("nope"); }, "configuration.mac_address",
     "nope"},
    {"DhcpIpv6InIpv4", [](auto& m) { dhcp_of(m).set_ipv4_address("2001:db8::1"); },
     "configuration.ipv4_address", "2001:db8::1"},
    {"DhcpWithoutAddress", [](auto& m) { dhcp_of(m).clear_ipv4_address(); },
     "configuration.ipv4_address", ""},
    {"RouterWithoutId", [](auto& m) { router_of(m).clear_id(); }, "configuration.id", ""},
    {"RouterBadMac", [](auto& m) { router_of(m).set_host_dvr_mac_address("fe:16:11"); },
     "configuration.host_dvr_mac_address", "fe:16:11"},
    {"RouterTableWithoutSubnet",
     [](auto& m) { router_of(m).mutable_subnet_routing_tables(1)->clear_subnet_id(); },
     "configuration.subnet_routing_tables[1].subnet_id", ""},
    {"RouterBadRule",
     [](auto& m) {
       auto& rule = *router_of(m).mutable_subnet_routing_tables(0)->add_routing_rules();
       rule.set_id("rule");
       rule.set_destination("10.9.0.0/16");
       rule.set_next_hop_ip("gateway");
     },
     "configuration.subnet_routing_tables[0].routing_rules[0].next_hop_ip", "gateway"},
    {"UnknownOperation",
     [](auto& m) {
       m.mutable_port_states(0)->set_operation_type(static_cast<schema::OperationType>(9));
     },
     "operation_type", "9"},
    {"SecurityGroupWithoutId", [](auto& m) { m.add_security_group_states(); }, "configuration.id",
     ""},
    {"GatewayWithoutId", [](auto& m) { m.add_gateway_states(); }, "configuration.id", ""},
};

class DecoderRefusal : public ::testing::TestWithParam<RefusalCase> {};

TEST_P(DecoderRefusal, NamesFieldAndValueAndKeepsTheRest) {
  schema::GoalState message = whole_network();
  GetParam().spoil(message);
  const auto decoded = decode_v1(message);
  ASSERT_EQ(decoded.refused.size(), 1U);
  EXPECT_EQ(decoded.refused[0].refusal.field, GetParam().field);
  EXPECT_EQ(decoded.refused[0].refusal.value, GetParam().value);
  EXPECT_FALSE(decoded.refused[0].refusal.message.empty());
  std::size_t invalid = 0;
  for (const auto& result : decoded.results) {
    invalid += result.status == Status::kInvalidArgument ? 1 : 0;
  }
  EXPECT_EQ(invalid, 1U);
  EXPECT_EQ(decoded.results[decoded.refused[0].result].status, Status::kInvalidArgument);
  EXPECT_EQ(decoded.vpcs.size() + decoded.subnets.size() + decoded.ports.size() +
                decoded.neighbors.size() + decoded.dhcp.size() + decoded.routers.size() +
                decoded.security_groups.size() + decoded.gateways.size(),
            decoded.results.size() - 1);
}

INSTANTIATE_TEST_SUITE_P(All, DecoderRefusal, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return std::string{info.param.name}; });

TEST(Decoder, TakesEveryMacSpelling) {
  for (const char* mac : {"6c:dd:ee:0:0:40", "6C-DD-EE-00-00-40", "6c:dD:Ee:00:00:40"}) {
    schema::GoalState message;
    *message.add_port_states() = port("p", "green", "10.0.1.5", mac);
    const auto decoded = decode_v1(message);
    ASSERT_EQ(decoded.ports.size(), 1U) << mac;
    EXPECT_EQ(decoded.ports[0].spec.mac.number(), 0x6cddee000040ULL) << mac;
  }
}

TEST(Decoder, AttachmentIsWhatTheDataplaneTakes) {
  const auto refused = [](const char* text, const char* id) {
    schema::GoalState message;
    *message.add_port_states() = port(id, "green", "10.0.1.5", "02:00:00:00:00:05");
    const PortAttach kAttach = attach(text);
    const auto decoded = decode(message, {kAttach, {}});
    return decoded.refused.empty() ? std::string{} : decoded.refused[0].refusal.message;
  };
  for (const char* kind : {"af_packet:{port_id}", "af_xdp:{port_id}", "tap:{port_id}",
                           "ring:{port_id}", "tap:vm-{port_id}"}) {
    EXPECT_EQ(refused(kind, "port.eth-0_1"), "") << kind;
    EXPECT_NE(refused(kind, "0123456789abcdef").find("--port-attach"), std::string::npos) << kind;
    EXPECT_NE(refused(kind, "a+b").find("--port-attach"), std::string::npos) << kind;
  }
  EXPECT_EQ(refused("null:{port_id}", "0123456789abcdef+"), "");
  EXPECT_EQ(refused("null:", "0123456789abcdef+"), "");
  EXPECT_EQ(refused("vlan:trunk0/{port_id}", "4094"), "");
  EXPECT_EQ(refused("vlan:trunk0,trunk1/{vlan}", "any"), "");
  EXPECT_EQ(refused("dev:{port_id}", "0000:3b:00.0_representor_vf0"), "");
  for (const char* id : {"4095", "0", "5x", "{vlan}", "green-1"}) {
    EXPECT_NE(refused("vlan:trunk0/{port_id}", id).find("--port-attach"), std::string::npos) << id;
  }
  EXPECT_EQ(refused("pcap:rx=/tmp/{port_id}", "0123456789abcdef+"), "");
  EXPECT_EQ(refused("vhost-user:/run/{port_id}.sock", "0123456789abcdef+"), "");
  EXPECT_NE(refused("vhost-user:/run/{port_id}", "..").find("--port-attach"), std::string::npos);
  const std::string long_id(110, 'a');
  EXPECT_NE(refused("vhost-user-server:/run/{port_id}", long_id.c_str()).find("path of a socket"),
            std::string::npos);
}

TEST(Decoder, NeighborsHostIsOfTheVtepsFamily) {
  schema::GoalState message;
  *message.add_neighbor_states() =
      neighbor("n", "green", "10.0.1.9", "02:00:00:00:00:09", "2001:db8::2");
  const PortAttach kAttach = attach();
  const auto v4 = IpAddress::parse("172.16.0.1").value();
  const auto v6 = IpAddress::parse("2001:db8::1").value();
  const auto decoded = decode(message, {kAttach, {v4}});
  ASSERT_EQ(decoded.refused.size(), 1U);
  EXPECT_EQ(decoded.refused[0].refusal.field, "configuration.host_ip_address");
  EXPECT_EQ(decoded.refused[0].refusal.value, "2001:db8::2");
  EXPECT_TRUE(decode(message, {kAttach, {v4, v6}}).refused.empty());
  EXPECT_TRUE(decode(message, {kAttach, {}}).refused.empty());
}

TEST(Decoder, ReleasedLayoutWithoutHostAddress) {
  schema::GoalState message;
  *message.add_neighbor_states() =
      neighbor("n", "green", "10.0.1.9", "02:00:00:00:00:09", "", schema::DELETE);
  auto& configuration = neighbor_of(message);
  configuration.clear_field_10();
  configuration.set_field_9(0, fixed_ip("green", "10.0.1.9"));
  const auto decoded = decode_v1(message);
  ASSERT_EQ(decoded.neighbors.size(), 1U);
  ASSERT_EQ(decoded.neighbors[0].spec.addresses.size(), 1U);
  EXPECT_EQ(decoded.neighbors[0].spec.addresses[0].subnet_id, "green");
  EXPECT_EQ(decoded.neighbors[0].spec.addresses[0].address.to_string(), "10.0.1.9");
  // Master's: a host address that is none, and fixed IPs where they belong.
  configuration.set_field_9(0, "no address");
  configuration.add_field_10(fixed_ip("green", "10.0.1.9"));
  EXPECT_EQ(decode_v1(message).neighbors.size(), 1U);
}

TEST(Decoder, KeepsTheFirstThousandRefusals) {
  schema::GoalState message;
  for (int i = 0; i < 1500; ++i) {
    message.add_vpc_states();
  }
  const auto decoded = decode_v1(message);
  EXPECT_EQ(decoded.refused.size(), 1000U);
  EXPECT_EQ(decoded.refused_more, 500U);
  ASSERT_EQ(decoded.results.size(), 1500U);
  EXPECT_EQ(decoded.results.back().status, Status::kInvalidArgument);
}

TEST(Decoder, NoGatewayInEverySpelling) {
  for (const auto& [ip, mac] :
       std::vector<std::pair<const char*, const char*>>{{"", ""},
                                                        {"0.0.0.0", ""},
                                                        {"0.0.0.0", "02:00:00:00:00:01"},
                                                        {"10.0.1.1", ""},
                                                        {"10.0.1.1", "00:00:00:00:00:00"},
                                                        {"", "02:00:00:00:00:01"}}) {
    schema::GoalState message;
    *message.add_subnet_states() = green();
    subnet_of(message).mutable_gateway()->set_ip_address(ip);
    subnet_of(message).mutable_gateway()->set_mac_address(mac);
    const auto decoded = decode_v1(message);
    ASSERT_EQ(decoded.subnets.size(), 1U);
    EXPECT_FALSE(decoded.subnets[0].spec.has_gateway) << ip << " " << mac;
  }
}

TEST(Decoder, GetIsAnsweredWithoutEffect) {
  auto message = whole_network();
  message.mutable_neighbor_states(0)->set_operation_type(schema::GET);
  const auto decoded = decode_v1(message);
  EXPECT_EQ(decoded.neighbors.size(), 1U);
  EXPECT_TRUE(decoded.refused.empty());
  EXPECT_EQ(decoded.results.size(), 8U);
}

TEST(Decoder, UpdateOfAPortWithoutDeviceIsADelete) {
  for (const bool id : {false, true}) {
    for (const bool owner : {false, true}) {
      schema::GoalState message;
      *message.add_port_states() =
          port("p", "green", "10.0.1.5", "02:00:00:00:00:05", schema::UPDATE);
      port_of(message).set_device_id(id ? "machine" : "");
      port_of(message).set_device_owner(owner ? "nova" : "");
      const auto decoded = decode_v1(message);
      ASSERT_EQ(decoded.ports.size(), 1U);
      EXPECT_EQ(decoded.ports[0].intent == Intent::kDelete, !id && !owner);
    }
  }
}

TEST(Decoder, RouterIsKnownByItsConfigurationsId) {
  schema::GoalStateV2 message;
  (*message.mutable_router_states())["host-1/router"] = router("router");
  const PortAttach kAttach = attach();
  const auto decoded = decode(message, {kAttach, {}});
  ASSERT_EQ(decoded.routers.size(), 1U);
  EXPECT_EQ(decoded.routers[0].id, "router");
}

schema::GoalStateV2 two_ports_for(const std::vector<std::string>& hosts) {
  schema::GoalStateV2 message;
  for (const auto& id : {"one", "two"}) {
    (*message.mutable_port_states())[id] = port(id, "green", "10.0.1.5", "02:00:00:00:00:05");
  }
  std::size_t number = 0;
  for (const auto& host : hosts) {
    auto& resource = *(*message.mutable_host_resources())[host].add_resources();
    resource.set_type(schema::PORT);
    resource.set_id(number++ == 0 ? "one" : "two");
  }
  return message;
}

TEST(HostFilter, AppliesWhatIsForThisHost) {
  const PortAttach kAttach = attach();
  const DecodeContext context{kAttach, {IpAddress::parse("172.16.0.1").value()}};

  EXPECT_EQ(decode(two_ports_for({}), context).ports.size(), 2U);

  const auto message = two_ports_for({"172.16.0.9", "172.16.0.1"});
  const auto ours = decode(message, context);
  ASSERT_EQ(ours.ports.size(), 1U);
  EXPECT_EQ(ours.ports[0].id, "two");
  EXPECT_EQ(ours.results.size(), 1U);
  EXPECT_EQ(ours.filtered, 1U);

  // One host only, known by another address: the message came here, so it is meant.
  EXPECT_EQ(decode(two_ports_for({"192.0.2.7"}), context).ports.size(), 1U);
  EXPECT_EQ(decode(two_ports_for({"172.16.0.8", "172.16.0.9"}), context).ports.size(), 0U);
}

TEST(HostFilter, JoinsTheEntriesOfAllItsAddresses) {
  const PortAttach kAttach = attach();
  const DecodeContext context{
      kAttach, {IpAddress::parse("172.16.0.1").value(), IpAddress::parse("2001:db8::1").value()}};
  EXPECT_EQ(decode(two_ports_for({"172.16.0.1", "2001:db8::1"}), context).ports.size(), 2U);
}

TEST(HostFilter, WaitsForItsOwnAddress) {
  const PortAttach kAttach = attach();
  const auto decoded = decode(two_ports_for({"172.16.0.8", "172.16.0.9"}), {kAttach, {}});
  EXPECT_TRUE(decoded.postponed);
  EXPECT_TRUE(decoded.ports.empty());
  ASSERT_EQ(decoded.results.size(), 2U);
  EXPECT_EQ(decoded.results[0].status, Status::kPending);
}

}  // namespace
}  // namespace alkaid::agent::test
