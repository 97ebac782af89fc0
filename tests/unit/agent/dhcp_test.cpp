// DHCP bindings of ports whose IPv6 subnet has a VNI of its own.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;

constexpr const char* kMac = "02:00:00:00:01:11";
constexpr const char* kIpv6 = "2001:db8:1::11";

schema::SubnetState green6(const char* cidr = "2001:db8:1::/64", const char* vpc = "vpc",
                           std::uint64_t vni = 106) {
  schema::SubnetState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id("green6");
  configuration.set_vpc_id(vpc);
  configuration.set_cidr(cidr);
  configuration.set_tunnel_id(vni);
  return state;
}

schema::DHCPState both(schema::OperationType operation = schema::CREATE) {
  auto state = dhcp("green", "10.0.1.11", kMac, operation);
  state.mutable_configuration()->set_ipv6_address(kIpv6);
  state.mutable_configuration()->set_port_host_name("one");
  return state;
}

schema::PortState dual_stack_port(schema::OperationType operation = schema::CREATE) {
  auto state = port("p", "green", "10.0.1.11", kMac, operation);
  auto& fixed_ip = *state.mutable_configuration()->add_fixed_ips();
  fixed_ip.set_subnet_id("green6");
  fixed_ip.set_ip_address(kIpv6);
  return state;
}

// "101:v4 106:v6", by VNI.
std::string bindings(const FakeDataplane& tables) {
  std::string out;
  for (const auto& [key, binding] : tables.bindings) {
    out += fmt::format("{}{}:{}{}", out.empty() ? "" : " ", key.first,
                       binding.has_ipv4() ? "v4" : "", binding.has_ipv6() ? "v6" : "");
    EXPECT_EQ(binding.host_name(), "one");
  }
  return out;
}

TEST(DhcpV6, IsBoundWhereThePortHasTheAddress) {
  // The prefix says nothing here: the subnet is of another VPC. In every order.
  std::vector<int> order = {0, 1, 2, 3};
  do {
    FakeDataplane tables;
    Host host{tables};
    for (const int step : order) {
      switch (step) {
        case 0:
          host.push(green());
          break;
        case 1:
          host.push(green6("2001:db8:1::/64", "elsewhere"));
          break;
        case 2:
          host.push(dual_stack_port());
          break;
        default:
          host.push(both());
          break;
      }
    }
    EXPECT_EQ(bindings(tables), "101:v4 106:v6");
    EXPECT_THAT(host.push(both()), ElementsAre(Status::kSuccess));
    host.push(dual_stack_port(schema::DELETE));
    EXPECT_EQ(bindings(tables), "101:v4v6") << "nothing says better";
    host.push(both(schema::DELETE));
    EXPECT_EQ(bindings(tables), "");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(DhcpV6, IsBoundInTheSubnetOfTheSameVpcWithItsPrefix) {
  std::vector<int> order = {0, 1, 2};
  do {
    FakeDataplane tables;
    Host host{tables};
    for (const int step : order) {
      step == 0 ? host.push(green()) : step == 1 ? host.push(green6()) : host.push(both());
    }
    EXPECT_EQ(bindings(tables), "101:v4 106:v6");
    // It follows the subnet's prefix, VPC and VNI.
    host.push(green6("2001:db8:2::/64"));
    EXPECT_EQ(bindings(tables), "101:v4v6");
    host.push(green6());
    EXPECT_EQ(bindings(tables), "101:v4 106:v6");
    host.push(green6("2001:db8:1::/64", "vpc", 107));
    EXPECT_EQ(bindings(tables), "101:v4 107:v6");
    host.push(green6("2001:db8:1::/64", "elsewhere"));
    EXPECT_EQ(bindings(tables), "101:v4v6");
    host.push(green6());
    auto gone = green6();
    gone.set_operation_type(schema::DELETE);
    host.push(gone);
    EXPECT_EQ(bindings(tables), "101:v4v6");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(DhcpV6, SharesTheBindingWhereSubnetsShareAVni) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(green6("2001:db8:1::/64", "vpc", 101));
  host.push(both());
  EXPECT_EQ(bindings(tables), "101:v4v6");
}

TEST(DhcpV6, WaitsForTheVniOfItsSubnet) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(green6("2001:db8:1::/64", "vpc", 0));
  EXPECT_THAT(host.push(both()), ElementsAre(Status::kPending));
  EXPECT_EQ(bindings(tables), "101:v4");
  host.push(green6());
  EXPECT_EQ(bindings(tables), "101:v4 106:v6");
}

TEST(DhcpV6, AnotherTenantsPortWithTheSameMacSaysNothing) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  auto other = port("other", "red", kIpv6, kMac);
  host.push(other);
  host.push(both());
  EXPECT_EQ(bindings(tables), "101:v4v6");
}

TEST(DhcpV6, RestartedAgentWritesNothingAndDeletesBoth) {
  FakeDataplane tables;
  {
    Host host{tables};
    host.push(green());
    host.push(green6());
    host.push(both());
  }
  const auto operations = tables.operations;
  {
    Host host{tables};
    host.push(green());
    host.push(green6());
    host.push(both());
    EXPECT_EQ(tables.operations, operations);
  }
  Host host{tables};
  host.push(both(schema::DELETE));
  EXPECT_EQ(bindings(tables), "");
}

}  // namespace
}  // namespace alkaid::agent::test
