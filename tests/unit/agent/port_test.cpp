// What becomes of ports: address families in segments of their own, source guard, moves.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr const char* kMac = "02:00:00:00:01:11";

schema::SubnetState v6_subnet(std::uint64_t vni) {
  schema::SubnetState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id("green6");
  configuration.set_vpc_id("vpc");
  configuration.set_cidr("2001:db8:1::/64");
  configuration.set_tunnel_id(vni);
  return state;
}

void add_address(schema::PortState& state, const char* subnet, const char* address) {
  auto& fixed_ip = *state.mutable_configuration()->add_fixed_ips();
  fixed_ip.set_subnet_id(subnet);
  fixed_ip.set_ip_address(address);
}

schema::PortState dual_stack_port() {
  auto state = port("p", "green", "10.0.1.11", kMac);
  add_address(state, "green6", "2001:db8:1::11");
  return state;
}

TEST(Port, Ipv6SubnetOfItsOwnVni) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  // Before its IPv6 subnet is known the port has IPv4, and waits.
  EXPECT_THAT(host.push(dual_stack_port()), ElementsAre(Status::kPending));
  EXPECT_EQ(tables.ports.at("p").fixed_ips_size(), 1);
  EXPECT_EQ(tables.ports.at("p").vni_v6(), 0U);

  host.push(v6_subnet(106));
  EXPECT_EQ(tables.ports.at("p").vni(), 101U);
  EXPECT_EQ(tables.ports.at("p").vni_v6(), 106U);
  EXPECT_EQ(tables.ports.at("p").fixed_ips_size(), 2);
  EXPECT_THAT(host.push(dual_stack_port()), ElementsAre(Status::kSuccess));
}

TEST(Port, Ipv6SubnetOfTheSameVni) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(v6_subnet(101));
  EXPECT_THAT(host.push(dual_stack_port()), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.ports.at("p").vni_v6(), 0U);
  EXPECT_EQ(tables.ports.at("p").fixed_ips_size(), 2);
}

TEST(Port, OrderOfAddressesDoesNotMatter) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(v6_subnet(106));
  auto state = port("p", "green6", "2001:db8:1::11", kMac);
  add_address(state, "green", "10.0.1.11");
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.ports.at("p").vni(), 101U);
  EXPECT_EQ(tables.ports.at("p").vni_v6(), 106U);
}

TEST(Port, OnlyIpv6) {
  FakeDataplane tables;
  Host host{tables};
  host.push(v6_subnet(106));
  EXPECT_THAT(host.push(port("p", "green6", "2001:db8:1::11", kMac)),
              ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.ports.at("p").vni(), 106U);
  EXPECT_EQ(tables.ports.at("p").vni_v6(), 0U);
}

TEST(Port, EveryFixedIpIsProgrammed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  auto state = port("p", "green", "10.0.1.11", kMac);
  add_address(state, "green", "10.0.1.21");
  add_address(state, "green", "10.0.1.31");
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.ports.at("p").fixed_ips_size(), 3);
}

TEST(Port, SecondAddressInAnotherVniOfItsFamilyIsToldPending) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  auto state = port("p", "green", "10.0.1.11", kMac);
  add_address(state, "red", "10.0.2.11");
  EXPECT_THAT(host.push(state), ElementsAre(Status::kPending));
  EXPECT_EQ(tables.ports.at("p").fixed_ips_size(), 1);
}

TEST(Port, AdminStateIsProgrammed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  auto state = port("p", "green", "10.0.1.11", kMac);
  state.mutable_configuration()->set_admin_state_up(false);
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.ports.at("p").admin_up());
  state.mutable_configuration()->set_admin_state_up(true);
  state.set_operation_type(schema::UPDATE);
  host.push(state);
  EXPECT_TRUE(tables.ports.at("p").admin_up());
}

TEST(Port, AddressPairsMayBePrefixes) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  auto state = port("p", "green", "10.0.1.11", kMac);
  for (const char* address : {"10.0.1.100", "10.8.0.0/16", "2001:db8::/64"}) {
    state.mutable_configuration()->add_allow_address_pairs()->set_ip_address(address);
  }
  state.mutable_configuration()->mutable_allow_address_pairs(0)->set_mac_address("0:0:5e:0:1:7");
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  const auto& pairs = tables.ports.at("p").allowed_address_pairs();
  ASSERT_EQ(pairs.size(), 3);
  std::vector<std::uint32_t> lengths;
  std::vector<std::uint64_t> macs;
  for (const auto& pair : pairs) {
    lengths.push_back(pair.prefix().length());
    macs.push_back(pair.mac());
  }
  EXPECT_THAT(lengths, ::testing::UnorderedElementsAre(32U, 16U, 64U));
  EXPECT_THAT(macs, ::testing::UnorderedElementsAre(0x00005e000107ULL, 0U, 0U));
}

struct GuardCase {
  const char* label;
  Policy policy;
  bool off;
};

class SourceGuard : public ::testing::TestWithParam<GuardCase> {};

TEST_P(SourceGuard, IsOnUnlessExempt) {
  FakeDataplane tables;
  Host host{tables, true, GetParam().policy};
  host.push(green());
  host.push(port("p", "green", "10.0.1.11", kMac));
  EXPECT_EQ(tables.ports.at("p").source_guard_off(), GetParam().off);
}

Policy unguarded_ports(const char* id) {
  Policy policy;
  policy.unguarded_ports.insert(id);
  return policy;
}
Policy unguarded_owners(const char* prefix) {
  Policy policy;
  policy.unguarded_owners.emplace_back(prefix);
  return policy;
}
Policy no_guard() {
  Policy policy;
  policy.source_guard = false;
  return policy;
}

INSTANTIATE_TEST_SUITE_P(
    All, SourceGuard,
    ::testing::Values(GuardCase{"Default", {}, false}, GuardCase{"Off", no_guard(), true},
                      GuardCase{"ByPort", unguarded_ports("p"), true},
                      GuardCase{"ByOtherPort", unguarded_ports("pp"), false},
                      GuardCase{"ByOwner", unguarded_owners("compute:"), true},
                      GuardCase{"ByOtherOwner", unguarded_owners("network:"), false}),
    [](const auto& info) { return info.param.label; });

TEST(Port, MovesAwayAndBackWithoutStaleEntries) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(v6_subnet(106));
  const auto away = [&host](schema::OperationType operation) {
    host.push(neighbor("p", "green", "10.0.1.11", kMac, "172.16.0.2", operation));
    host.push(neighbor("p6", "green6", "2001:db8:1::11", kMac, "172.16.0.2", operation));
  };
  // The order in which the two halves of a move arrive is not given.
  for (const bool neighbor_first : {true, false}) {
    host.push(dual_stack_port());
    EXPECT_TRUE(tables.neighbors.empty());
    auto gone = dual_stack_port();
    gone.set_operation_type(schema::DELETE);
    if (neighbor_first) {
      away(schema::CREATE);
      EXPECT_TRUE(tables.neighbors.empty()) << "the port is still here";
      host.push(gone);
    } else {
      host.push(gone);
      away(schema::CREATE);
    }
    EXPECT_TRUE(tables.ports.empty());
    EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.11"));
    EXPECT_TRUE(tables.has_neighbor(106, "2001:db8:1::11"));
    if (neighbor_first) {
      host.push(dual_stack_port());
      EXPECT_TRUE(tables.neighbors.empty()) << "it is here again";
      away(schema::DELETE);
    } else {
      away(schema::DELETE);
      EXPECT_TRUE(tables.neighbors.empty());
    }
  }
}

// After the agent's restart a port that nobody has named yet keeps neighbors out in both segments.
TEST(Port, RestartedAgentKeepsWhatIsLocalLocal) {
  FakeDataplane tables;
  {
    Host host{tables};
    host.push(green());
    host.push(v6_subnet(106));
    host.push(dual_stack_port());
  }
  Host host{tables};
  host.push(green());
  host.push(v6_subnet(106));
  host.push(neighbor("p6", "green6", "2001:db8:1::11", kMac, "172.16.0.2"));
  EXPECT_TRUE(tables.neighbors.empty());
  auto gone = dual_stack_port();
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_TRUE(tables.has_neighbor(106, "2001:db8:1::11"));
}

}  // namespace
}  // namespace alkaid::agent::test
