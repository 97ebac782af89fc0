// From goal states to the data plane, whatever their order.
#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(Reconciler, ProgramsWholeNetwork) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(host.push(whole_network()), Each(Status::kSuccess));

  ASSERT_EQ(tables.segments.size(), 2U);
  const auto& green = tables.segments.at(101);
  EXPECT_EQ(green.router(), router_key("router"));
  EXPECT_EQ(green.host_dvr_mac(), 0xfe1611000007ULL);
  EXPECT_TRUE(green.dhcp_enabled());
  ASSERT_EQ(green.gateways_size(), 1);
  EXPECT_EQ(green.gateways(0).mac(), 0x020000000001ULL);
  ASSERT_EQ(green.prefixes_size(), 1);
  EXPECT_EQ(green.prefixes(0).length(), 24U);

  ASSERT_TRUE(tables.ports.contains("port-green"));
  EXPECT_EQ(tables.ports.at("port-green").attachment(), "af_packet:tapport-green");
  EXPECT_EQ(tables.ports.at("port-green").vni(), 101U);
  EXPECT_TRUE(tables.ports.at("port-green").admin_up());

  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
  EXPECT_TRUE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_EQ(tables.neighbors.size(), 2U);
  EXPECT_EQ(tables.routes.size(), 2U);
  for (const auto& [key, route] : tables.routes) {
    EXPECT_EQ(std::get<0>(key), router_key("router"));
  }
  EXPECT_EQ(tables.bindings.size(), 1U);
  EXPECT_EQ(tables.apply_calls, 1U);
  EXPECT_TRUE(host.report().in_sync());
}

TEST(Reconciler, MakesBeforeItBreaks) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  tables.log.clear();
  schema::GoalState move;
  *move.add_port_states() =
      port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE);
  *move.add_neighbor_states() =
      neighbor("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.3");
  host.push(move);
  EXPECT_THAT(tables.log, ElementsAre("set neighbor", "delete port"));
}

TEST(Reconciler, AnyOrderEndsTheSame) {
  FakeDataplane expected;
  Host{expected}.push(whole_network());
  const auto messages = single_messages();
  ASSERT_EQ(messages.size(), 8U);
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    FakeDataplane tables;
    Host host{tables};
    for (const std::size_t index : order) {
      host.push(messages[index]);
    }
    ASSERT_EQ(tables.dump(), expected.dump()) << "order " << ::testing::PrintToString(order);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Reconciler, RepeatedStateWritesNothing) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  const auto calls = tables.apply_calls;
  EXPECT_THAT(host.push(whole_network()), Each(Status::kSuccess));
  for (const auto& message : single_messages()) {
    EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  }
  EXPECT_EQ(tables.apply_calls, calls);
}

TEST(Reconciler, DeletesLeaveNothing) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  auto all = whole_network();
  const auto mark = [](auto* states) {
    for (auto& state : *states) {
      state.set_operation_type(schema::DELETE);
    }
  };
  mark(all.mutable_vpc_states());
  mark(all.mutable_subnet_states());
  mark(all.mutable_port_states());
  mark(all.mutable_neighbor_states());
  mark(all.mutable_dhcp_states());
  mark(all.mutable_router_states());
  EXPECT_THAT(host.push(all), Each(Status::kSuccess));
  EXPECT_EQ(tables.dump(), "");
  const auto report = host.report();
  for (const auto& count : report.resources()) {
    EXPECT_EQ(count.wanted(), 0U) << count.type();
  }
  const auto calls = tables.apply_calls;
  EXPECT_THAT(host.push(all), Each(Status::kSuccess));
  EXPECT_EQ(tables.apply_calls, calls);
}

TEST(Reconciler, PortIsDeletedByUpdateWithoutDevice) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  auto gone = port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", schema::UPDATE);
  gone.mutable_configuration()->clear_device_id();
  gone.mutable_configuration()->clear_device_owner();
  host.push(gone);
  EXPECT_TRUE(tables.ports.empty());
}

TEST(Reconciler, FullRouterReplacesDeltaAdds) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(red());
  host.push(router());
  schema::RouterState delta;
  delta.mutable_configuration()->set_id("router");
  delta.mutable_configuration()->set_host_dvr_mac_address("fe:16:11:00:00:07");
  delta.mutable_configuration()->add_subnet_routing_tables()->set_subnet_id("green");
  host.push(delta);
  EXPECT_EQ(tables.routes.size(), 2U);
  delta.mutable_configuration()->set_update_type(schema::FULL);
  host.push(delta);
  EXPECT_EQ(tables.routes.size(), 1U);
  EXPECT_EQ(tables.segments.at(102).router(), 0U);
}

TEST(Reconciler, ManyNeighborsGoInBoundedRequests) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalState message;
  *message.add_subnet_states() = subnet("big", "10.0.1", 77);
  message.mutable_subnet_states(0)->mutable_configuration()->set_cidr("10.0.0.0/8");
  constexpr int kNeighbors = 150000;
  for (int i = 0; i < kNeighbors; ++i) {
    *message.add_neighbor_states() = neighbor(
        fmt::format("n{}", i), "big",
        Ipv4Address{0x0a000100U + static_cast<std::uint32_t>(i)}.to_string(),
        MacAddress::from_number(0x020000000000ULL + static_cast<std::uint64_t>(i)).to_string(),
        "172.16.0.2");
  }
  const auto statuses = host.push(message);
  EXPECT_THAT(statuses, Each(Status::kSuccess));
  EXPECT_EQ(tables.neighbors.size(), static_cast<std::size_t>(kNeighbors));
  EXPECT_EQ(tables.apply_calls, 3U);
  host.push(message);
  EXPECT_EQ(tables.apply_calls, 3U);
}

}  // namespace
}  // namespace alkaid::agent::test
