// Rows of docs/aca-defects.md that no other test shows.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr const char* kMac = "02:00:00:00:01:11";

TEST(AcaDefects, W7NeighborsOfV2GetAStatus) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalStateV2 message;
  (*message.mutable_subnet_states())["green"] = green();
  (*message.mutable_neighbor_states())["L2/far"] =
      neighbor("far", "green", "10.0.1.12", "02:00:00:00:01:12", "172.16.0.2");
  (*message.mutable_neighbor_states())["L3/far"] =
      neighbor("far", "green", "10.0.1.300", "02:00:00:00:01:12", "172.16.0.2");
  EXPECT_THAT(host.push(message),
              ::testing::UnorderedElementsAre(Status::kSuccess, Status::kSuccess,
                                              Status::kInvalidArgument));
}

TEST(AcaDefects, W11CreateMayBeDelta) {
  for (const auto update : {schema::DELTA, schema::FULL}) {
    FakeDataplane tables;
    Host host{tables};
    host.push(green());
    auto state = port("p", "green", "10.0.1.11", kMac);
    state.mutable_configuration()->set_update_type(update);
    EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
    EXPECT_TRUE(tables.ports.contains("p"));
  }
}

TEST(AcaDefects, W13UpdateMeansTheSameInBothVersions) {
  for (const bool v2 : {false, true}) {
    FakeDataplane tables;
    Host host{tables};
    host.push(green());
    const auto push = [&host, v2](const schema::PortState& state) {
      if (!v2) {
        return host.push(state);
      }
      schema::GoalStateV2 message;
      (*message.mutable_port_states())["p"] = state;
      return host.push(message);
    };
    auto state = port("p", "green", "10.0.1.11", kMac, schema::UPDATE);
    EXPECT_THAT(push(state), ElementsAre(Status::kSuccess));
    EXPECT_TRUE(tables.ports.contains("p"));
    state.mutable_configuration()->clear_device_id();
    EXPECT_THAT(push(state), ElementsAre(Status::kSuccess));
    EXPECT_TRUE(tables.ports.contains("p")) << "its owner is still there";
    state.mutable_configuration()->clear_device_owner();
    EXPECT_THAT(push(state), ElementsAre(Status::kSuccess));
    EXPECT_FALSE(tables.ports.contains("p"));
  }
}

TEST(AcaDefects, W14PortOfAnUnknownSubnetIsNotProgrammed) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalStateV2 message;
  (*message.mutable_port_states())["p"] = port("p", "green", "10.0.1.11", kMac);
  EXPECT_THAT(host.push(message), ElementsAre(Status::kPending));
  EXPECT_TRUE(tables.ports.empty());
  EXPECT_TRUE(tables.segments.empty());
}

TEST(AcaDefects, W16VnisAreNotUsedUp) {
  FakeDataplane tables;
  Host host{tables};
  constexpr std::uint32_t kSubnets = 5000;  // more than there are VLANs
  for (std::uint32_t number = 0; number < kSubnets; ++number) {
    const std::string id = fmt::format("subnet-{}", number);
    auto state = subnet(id, "10.0.1", 20000 + number);
    ASSERT_THAT(host.push(state), ElementsAre(Status::kSuccess));
    ASSERT_THAT(host.push(port(fmt::format("port-{}", number), id, "10.0.1.11", kMac)),
                ElementsAre(Status::kSuccess));
  }
  EXPECT_EQ(tables.segments.size(), kSubnets);
  EXPECT_EQ(tables.ports.at("port-4999").vni(), 24999U);
}

TEST(AcaDefects, W17OtherPortsOutliveTheFirst) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(port("first", "green", "10.0.1.11", kMac));
  host.push(port("second", "green", "10.0.1.12", "02:00:00:00:01:12"));
  const auto operations = tables.operations;
  host.push(port("first", "green", "10.0.1.11", kMac, schema::DELETE));
  EXPECT_EQ(tables.operations, operations + 1) << "nothing but the port is touched";
  EXPECT_TRUE(tables.ports.contains("second"));
  EXPECT_TRUE(tables.segments.contains(101));
}

TEST(AcaDefects, W19OneRowServesAllSubnets) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  host.push(router());
  auto state = neighbor("far", "green", "10.0.1.12", "02:00:00:00:01:12", "172.16.0.2");
  host.push(state);
  const auto operations = tables.operations;
  // The same station once more, as the L3 neighbor that it is for the other subnet.
  schema::NeighborConfiguration::FixedIp fixed_ip;
  fixed_ip.ParseFromString(state.configuration().field_10(0));
  fixed_ip.set_neighbor_type(schema::L3);
  state.mutable_configuration()->set_field_10(0, fixed_ip.SerializeAsString());
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  EXPECT_EQ(tables.operations, operations);
  EXPECT_EQ(tables.neighbors.size(), 1U);
}

TEST(AcaDefects, W25EveryRouterHasItsOwnMac) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  const auto one_subnet = [](const char* id, const char* subnet_id, const char* mac) {
    schema::RouterState state;
    state.mutable_configuration()->set_id(id);
    state.mutable_configuration()->set_host_dvr_mac_address(mac);
    state.mutable_configuration()->add_subnet_routing_tables()->set_subnet_id(subnet_id);
    return state;
  };
  EXPECT_THAT(host.push(one_subnet("one", "green", "fe:16:11:00:00:01")), Each(Status::kSuccess));
  EXPECT_THAT(host.push(one_subnet("two", "red", "fe:16:11:00:00:02")), Each(Status::kSuccess));
  EXPECT_EQ(tables.segments.at(101).host_dvr_mac(), 0xfe1611000001ULL);
  EXPECT_EQ(tables.segments.at(102).host_dvr_mac(), 0xfe1611000002ULL);
}

TEST(AcaDefects, W32TenantsMayUseTheSameMac) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  host.push(dhcp("green", "10.0.1.11", kMac));
  host.push(dhcp("red", "10.0.2.11", kMac));
  ASSERT_EQ(tables.bindings.size(), 2U);
  host.push(dhcp("green", "10.0.1.11", kMac, schema::DELETE));
  ASSERT_EQ(tables.bindings.size(), 1U);
  EXPECT_EQ(tables.bindings.begin()->first.first, 102U);
}

TEST(AcaDefects, W41DhcpStatesAreIdempotent) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  for (const auto operation :
       {schema::DELETE, schema::UPDATE, schema::CREATE, schema::CREATE, schema::INFO}) {
    EXPECT_THAT(host.push(dhcp("green", "10.0.1.11", kMac, operation)),
                ElementsAre(Status::kSuccess));
    EXPECT_EQ(tables.bindings.size(), operation == schema::DELETE ? 0U : 1U);
  }
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(host.push(dhcp("green", "10.0.1.11", kMac, schema::DELETE)),
                ElementsAre(Status::kSuccess));
    EXPECT_TRUE(tables.bindings.empty());
  }
}

}  // namespace
}  // namespace alkaid::agent::test
