// Neighbors' allowed address pairs.
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr const char* kHost2 = "172.16.0.2";
constexpr const char* kHost3 = "172.16.0.3";
constexpr const char* kVirtual = "10.0.1.100";

std::string pair(const std::string& address, const std::string& mac = "") {
  schema::NeighborConfiguration::AllowAddressPair message;
  message.set_ip_address(address);
  message.set_mac_address(mac);
  return message.SerializeAsString();
}

schema::NeighborState far(int number, const char* host, const std::vector<std::string>& pairs,
                          schema::OperationType operation = schema::CREATE) {
  auto state =
      neighbor("far-" + std::to_string(number), "green", "10.0.1." + std::to_string(number),
               "02:00:00:00:01:" + std::to_string(number), host, operation);
  for (const std::string& item : pairs) {
    state.mutable_configuration()->add_field_11(item);
  }
  return state;
}

// The host behind an address in VNI 101, as its last byte; 0: no row.
std::uint64_t host_of(const FakeDataplane& tables, const char* address) {
  const auto ip = IpAddress::parse(address).value();
  const auto found = tables.neighbors.find({101, {ip.high(), ip.low()}});
  return found == tables.neighbors.end() ? 0 : std::get<1>(found->second).second & 0xff;
}
std::uint64_t mac_of(const FakeDataplane& tables, const char* address) {
  const auto ip = IpAddress::parse(address).value();
  return std::get<0>(tables.neighbors.at({101, {ip.high(), ip.low()}}));
}

class NeighborPairs : public ::testing::Test {
 protected:
  NeighborPairs() { host.push(green()); }

  FakeDataplane tables;
  Host host{tables};
};

// W9
TEST_F(NeighborPairs, SingleAddressesBecomeRows) {
  EXPECT_THAT(host.push(far(12, kHost2,
                            {pair(kVirtual), pair("10.0.1.101/32", "00:00:5e:00:01:07"),
                             pair("10.0.9.0/24"), pair("0.0.0.0/0"), pair("2001:db8::1")})),
              Each(Status::kSuccess));
  EXPECT_EQ(tables.neighbors.size(), 3U) << "no rows for prefixes and for the other family";
  EXPECT_EQ(host_of(tables, kVirtual), 2U);
  EXPECT_EQ(mac_of(tables, kVirtual), 0x020000000112ULL);
  EXPECT_EQ(mac_of(tables, "10.0.1.101"), 0x00005e000107ULL);
}

TEST_F(NeighborPairs, OfTheReleasedLayout) {
  schema::NeighborState state;
  auto& configuration = *state.mutable_configuration();
  configuration.set_id("far");
  configuration.set_mac_address("02:00:00:00:01:12");
  configuration.add_field_8(kHost2);
  schema::NeighborConfiguration::FixedIp fixed_ip;
  fixed_ip.set_subnet_id("green");
  fixed_ip.set_ip_address("10.0.1.12");
  configuration.add_field_9(fixed_ip.SerializeAsString());
  configuration.add_field_10(pair(kVirtual));
  EXPECT_THAT(host.push(state), ElementsAre(Status::kSuccess));
  EXPECT_EQ(host_of(tables, kVirtual), 2U);
}

TEST_F(NeighborPairs, LastWriterWinsAndRepetitionIsNoNews) {
  host.push(far(12, kHost2, {pair(kVirtual)}));
  host.push(far(13, kHost3, {pair(kVirtual)}));
  EXPECT_EQ(host_of(tables, kVirtual), 3U);
  const auto operations = tables.operations;
  host.push(far(12, kHost2, {pair(kVirtual)}));
  EXPECT_EQ(tables.operations, operations);
  EXPECT_EQ(host_of(tables, kVirtual), 3U);
  // A move is.
  host.push(far(12, "172.16.0.4", {pair(kVirtual)}));
  EXPECT_EQ(host_of(tables, kVirtual), 4U);
}

TEST_F(NeighborPairs, GoWithTheirNeighborAndLeaveItToOthers) {
  host.push(far(12, kHost2, {pair(kVirtual)}));
  host.push(far(13, kHost3, {pair(kVirtual)}));
  host.push(far(13, kHost3, {}, schema::DELETE));
  EXPECT_EQ(host_of(tables, kVirtual), 2U);
  host.push(far(12, kHost2, {}, schema::DELETE));
  EXPECT_TRUE(tables.neighbors.empty());
}

TEST_F(NeighborPairs, GoWhenTheyAreNoLongerNamed) {
  host.push(far(12, kHost2, {pair(kVirtual), pair("10.0.1.101")}));
  host.push(far(12, kHost2, {pair("10.0.1.101")}, schema::UPDATE));
  EXPECT_EQ(host_of(tables, kVirtual), 0U);
  EXPECT_EQ(host_of(tables, "10.0.1.101"), 2U);
}

TEST_F(NeighborPairs, FixedIpsAreStronger) {
  host.push(far(12, kHost2, {}));
  host.push(far(13, kHost3, {pair("10.0.1.12"), pair("10.0.1.11")}));
  EXPECT_EQ(host_of(tables, "10.0.1.12"), 2U);
  EXPECT_EQ(host_of(tables, "10.0.1.11"), 3U);
  host.push(port("p", "green", "10.0.1.11", "02:00:00:00:01:11"));
  EXPECT_EQ(host_of(tables, "10.0.1.11"), 0U) << "a port of this host has it";
  host.push(far(12, kHost2, {}, schema::DELETE));
  EXPECT_EQ(host_of(tables, "10.0.1.12"), 3U);
}

TEST_F(NeighborPairs, FollowTheirSubnet) {
  FakeDataplane later;
  Host fresh{later};
  fresh.push(far(12, kHost2, {pair(kVirtual)}));
  EXPECT_TRUE(later.neighbors.empty());
  fresh.push(green());
  EXPECT_EQ(host_of(later, kVirtual), 2U);
}

TEST_F(NeighborPairs, BadOnesAreRefused) {
  EXPECT_THAT(host.push(far(12, kHost2, {pair("10.0.1.256")})),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.push(far(12, kHost2, {pair(kVirtual, "02:00")})),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.push(far(12, kHost2, {"\xff\xff\xff"})), ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.push(far(12, kHost2, std::vector<std::string>(1025, pair(kVirtual)))),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_TRUE(tables.neighbors.empty());
}

TEST_F(NeighborPairs, FullTableIsPending) {
  tables.most_neighbors = 1;
  EXPECT_THAT(host.push(far(12, kHost2, {pair(kVirtual)})), ElementsAre(Status::kPending));
}

TEST_F(NeighborPairs, RestartedAgentDeletesThem) {
  host.push(far(12, kHost2, {pair(kVirtual)}));
  Host restarted{tables};
  restarted.push(far(12, kHost2, {pair(kVirtual)}, schema::DELETE));
  EXPECT_TRUE(tables.neighbors.empty());
}

}  // namespace
}  // namespace alkaid::agent::test
