#include "control/agent/reconcile/reconciler.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"
#include "tests/unit/agent/fake_dataplane.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The whole network as messages of one resource each.
std::vector<schema::GoalState> single_messages() {
  const auto whole = whole_network();
  std::vector<schema::GoalState> messages;
  const auto split = [&messages](const auto& states, auto add) {
    for (const auto& state : states) {
      *add(messages.emplace_back()) = state;
    }
  };
  split(whole.vpc_states(), [](schema::GoalState& m) { return m.add_vpc_states(); });
  split(whole.subnet_states(), [](schema::GoalState& m) { return m.add_subnet_states(); });
  split(whole.port_states(), [](schema::GoalState& m) { return m.add_port_states(); });
  split(whole.neighbor_states(), [](schema::GoalState& m) { return m.add_neighbor_states(); });
  split(whole.dhcp_states(), [](schema::GoalState& m) { return m.add_dhcp_states(); });
  split(whole.router_states(), [](schema::GoalState& m) { return m.add_router_states(); });
  return messages;
}

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

TEST(Reconciler, RestartedAgentWritesNothing) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const std::string before = tables.dump();
  const auto calls = tables.apply_calls;

  Host restarted{tables};
  EXPECT_EQ(restarted.report().unclaimed_objects(), 8U);
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_THAT(restarted.push(whole_network()), Each(Status::kSuccess));
  EXPECT_EQ(tables.apply_calls, calls);
  EXPECT_EQ(tables.dump(), before);
  EXPECT_EQ(restarted.report().unclaimed_objects(), 0U);
}

TEST(Reconciler, RestartedAgentWritesNothingInAnyOrder) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const auto calls = tables.apply_calls;
  const auto messages = single_messages();
  std::vector<std::size_t> order(messages.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    Host restarted{tables};
    for (const std::size_t index : order) {
      restarted.push(messages[index]);
    }
    ASSERT_EQ(tables.apply_calls, calls) << "order " << ::testing::PrintToString(order);
    ASSERT_EQ(restarted.report().unclaimed_objects(), 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Reconciler, EmptyDataplaneIsReplayed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  const std::string before = tables.dump();
  host.reconciler.connection_lost("the test says so");
  FakeDataplane empty;
  empty.instance = 2;
  tables = empty;
  EXPECT_TRUE(host.reconciler.connect());
  EXPECT_EQ(tables.dump(), before);
  EXPECT_TRUE(host.report().in_sync());
}

TEST(Reconciler, StateWithoutDataplaneIsPendingThenProgrammed) {
  FakeDataplane tables;
  Host host{tables, false};
  const auto statuses = host.push(whole_network());
  // The VPC needs nothing in the data plane.
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kPending), 7);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kSuccess), 1);
  EXPECT_FALSE(host.report().in_sync());
  EXPECT_EQ(tables.apply_calls, 0U);

  host.client.available = true;
  EXPECT_TRUE(host.reconciler.connect());
  FakeDataplane expected;
  Host{expected}.push(whole_network());
  EXPECT_EQ(tables.dump(), expected.dump());
}

TEST(Reconciler, DeletesWithoutDataplaneAreNotForgotten) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  host.client.available = false;
  host.reconciler.connection_lost("the test says so");
  EXPECT_THAT(
      host.push(port("port-green", "green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE)),
      ElementsAre(Status::kPending));
  host.push(neighbor("far-red", "red", "10.0.2.12", "", "", schema::DELETE));
  host.client.available = true;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_FALSE(tables.ports.contains("port-green"));
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
  EXPECT_EQ(host.report().unclaimed_objects(), 0U);
}

TEST(Reconciler, LossWithinAWriteIsRepaired) {
  FakeDataplane tables;
  Host host{tables};
  host.push(whole_network());
  host.client.applies_until_loss = 0;
  EXPECT_THAT(host.push(neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "172.16.0.2",
                                 schema::DELETE)),
              ElementsAre(Status::kPending));
  EXPECT_FALSE(host.reconciler.connected());
  host.client.available = true;
  host.client.applies_until_loss = -1;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
}

TEST(Reconciler, PortBeforeSubnetIsPendingThenProgrammed) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05")),
              ElementsAre(Status::kPending));
  ASSERT_EQ(host.report().pending_size(), 1);
  EXPECT_EQ(host.report().pending(0).value(), "green");
  EXPECT_THAT(host.push(green()), ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.ports.contains("p"));
  EXPECT_EQ(host.report().pending_size(), 0);
  EXPECT_THAT(host.event_kinds(), Contains("subnet_resolved"));
  EXPECT_THAT(host.event_kinds(), Contains("port_attached"));
}

TEST(Reconciler, SubnetWithoutVniWaitsForItsVpc) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(host.push(subnet("green", "10.0.1", 0)), ElementsAre(Status::kPending));
  host.push(neighbor("n", "green", "10.0.1.9", "02:00:00:00:00:09", "172.16.0.2"));
  EXPECT_TRUE(tables.segments.empty());
  schema::GoalState message;
  *message.add_vpc_states() = vpc(555);
  host.push(message);
  EXPECT_TRUE(tables.segments.contains(555));
  EXPECT_TRUE(tables.has_neighbor(555, "10.0.1.9"));
  // The subnet gets a VNI of its own: everything moves there.
  host.push(subnet("green", "10.0.1", 101));
  EXPECT_FALSE(tables.segments.contains(555));
  EXPECT_FALSE(tables.has_neighbor(555, "10.0.1.9"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.9"));
}

TEST(Reconciler, VpcIsPendingWithTheSubnetsThatHaveItsVni) {
  FakeDataplane tables;
  Host host{tables, false};
  schema::GoalState message;
  *message.add_vpc_states() = vpc(555);
  EXPECT_THAT(host.push(message), ElementsAre(Status::kSuccess));
  host.push(subnet("green", "10.0.1", 0));
  EXPECT_THAT(host.push(message), ElementsAre(Status::kPending));
  host.client.available = true;
  ASSERT_TRUE(host.reconciler.connect());
  EXPECT_THAT(host.push(message), ElementsAre(Status::kSuccess));
}

TEST(Reconciler, NeighborsCannotMoveASubnetToAndFro) {
  FakeDataplane tables;
  Host host{tables};
  const auto far = [](const char* ip, std::uint32_t vni) {
    return neighbor("n", "green", ip, "02:00:00:00:00:09", "172.16.0.2", schema::CREATE, vni);
  };
  EXPECT_THAT(host.push(far("10.0.1.8", 101)), ElementsAre(Status::kSuccess));
  EXPECT_THAT(host.push(far("10.0.1.9", 102)), ElementsAre(Status::kInvalidArgument));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.8"));
  EXPECT_EQ(tables.neighbors.size(), 1U);
  // The only row there may say something new.
  EXPECT_THAT(host.push(far("10.0.1.8", 102)), ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.has_neighbor(102, "10.0.1.8"));
  EXPECT_THAT(host.push(far("10.0.1.9", 102)), ElementsAre(Status::kSuccess));
}

TEST(Reconciler, LocalPortHidesRemoteNeighbor) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(neighbor("n", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.2"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.11"));
  const auto local = port("p", "green", "10.0.1.11", "02:00:00:00:01:11");
  tables.log.clear();
  host.push(local);
  EXPECT_THAT(tables.log, ElementsAre("set port", "delete neighbor"));
  // A repeated neighbor doesn't come back while the port is here.
  EXPECT_THAT(host.push(neighbor("n", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.2")),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.has_neighbor(101, "10.0.1.11"));
  host.push(port("p", "green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.11"));
}

TEST(Reconciler, NeighborOnThisHostIsNotProgrammed) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  EXPECT_THAT(host.push(neighbor("n", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.1")),
              ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.neighbors.empty());
  // It moves away, and back.
  host.push(neighbor("n", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.2"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.11"));
  host.push(neighbor("n", "green", "10.0.1.11", "02:00:00:00:01:11", "172.16.0.1"));
  EXPECT_TRUE(tables.neighbors.empty());
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

TEST(Reconciler, RestartedAgentDeletesWhatOnlyTheDataplaneKnows) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables};
  // No subnet has been named yet: the rows themselves say where the address lives.
  EXPECT_THAT(restarted.push(
                  neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE)),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_THAT(restarted.push(neighbor("far-green", "", "10.0.1.12", "", "", schema::DELETE, 101)),
              ElementsAre(Status::kSuccess));
  EXPECT_FALSE(tables.has_neighbor(101, "10.0.1.12"));
  restarted.push(port("port-green", "green", "10.0.1.11", "", schema::DELETE));
  EXPECT_TRUE(tables.ports.empty());
  schema::GoalState message;
  *message.add_dhcp_states() = dhcp("green", "10.0.1.11", "02:00:00:00:01:11", schema::DELETE);
  restarted.push(message);
  EXPECT_TRUE(tables.bindings.empty());
  // The rest is untouched.
  EXPECT_EQ(tables.segments.size(), 2U);
  EXPECT_EQ(tables.routes.size(), 2U);
}

TEST(Reconciler, RestartedAgentDeletesOnlyWhatIsNamedInFull) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  const std::string before = tables.dump();
  Host restarted{tables};
  EXPECT_THAT(restarted.push(neighbor("n", "other", "10.0.2.12", "", "", schema::DELETE)),
              ElementsAre(Status::kPending));
  EXPECT_THAT(
      restarted.push(neighbor("n", "other", "10.0.2.12", "02:00:00:00:09:09", "", schema::DELETE)),
      ElementsAre(Status::kSuccess));
  for (const char* ip : {"", "10.0.7.7"}) {
    schema::GoalState message;
    *message.add_dhcp_states() = dhcp("other", ip, "02:00:00:00:01:11", schema::DELETE);
    EXPECT_THAT(restarted.push(message),
                ElementsAre(*ip == '\0' ? Status::kPending : Status::kSuccess));
  }
  EXPECT_EQ(tables.dump(), before);
}

TEST(Reconciler, TooManyDeletesThatWaitAreRefused) {
  FakeDataplane tables;
  Host host{tables, false};
  schema::GoalState message;
  for (int i = 0; i <= 65536; ++i) {
    *message.add_neighbor_states() =
        neighbor("n", "other", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE);
  }
  const auto statuses = host.push(message);
  EXPECT_EQ(statuses.front(), Status::kPending);
  EXPECT_EQ(statuses.back(), Status::kInvalidArgument);
}

TEST(Reconciler, RestartedAgentTakesRouterChangesForWhatTheyAre) {
  for (const auto update : {schema::DELTA, schema::FULL}) {
    FakeDataplane tables;
    Host{tables}.push(whole_network());
    const std::string before = tables.dump();
    Host restarted{tables};
    auto only_green = router("router", update);
    only_green.mutable_configuration()->mutable_subnet_routing_tables()->DeleteSubrange(1, 1);
    restarted.push(only_green);
    EXPECT_EQ(tables.dump(), before) << "its subnets are not known yet";
    restarted.push(red());
    restarted.push(green());
    if (update == schema::DELTA) {
      EXPECT_EQ(tables.dump(), before);
      restarted.reconciler.connection_lost("the test says so");
      ASSERT_TRUE(restarted.reconciler.connect());
      EXPECT_EQ(tables.dump(), before);
    } else {
      EXPECT_EQ(tables.segments.at(101).router(), router_key("router"));
      EXPECT_EQ(tables.segments.at(102).router(), 0U);
      EXPECT_EQ(tables.routes.size(), 1U);
    }
  }
}

TEST(Reconciler, RouterDeletedWithoutDataplaneGoesAtConnect) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables, false};
  restarted.push(green());
  auto gone = router();
  gone.set_operation_type(schema::DELETE);
  EXPECT_THAT(restarted.push(gone), ElementsAre(Status::kPending));
  restarted.client.available = true;
  ASSERT_TRUE(restarted.reconciler.connect());
  EXPECT_TRUE(tables.routes.empty());
  EXPECT_EQ(tables.segments.at(101).router(), 0U);
}

TEST(Reconciler, FailureOfAPortGoesWithItsSubnet) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05"));
  EXPECT_FALSE(host.report().in_sync());
  auto gone = green();
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_TRUE(host.report().in_sync());
}

TEST(Reconciler, EventsHoldIdsInPrintableForm) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  const auto attach = PortAttach::parse("null:", *std::make_unique<std::string>());
  GoalStateTask task;
  schema::GoalState message;
  *message.add_port_states() = port("p\n1", "green", "10.0.1.5", "02:00:00:00:00:05");
  task.decoded = decode(message, {*attach, {}});
  host.reconciler.merge(task);
  host.reconciler.flush();
  std::uint64_t number = 0;
  std::uint64_t lost = 0;
  v1::Event event;
  bool attached = false;
  while (host.events.next(number, event, lost)) {
    attached = attached || event.kind() == "port_attached";
    EXPECT_EQ(event.message().find('\n'), std::string::npos) << event.message();
    EXPECT_EQ(event.resource().resource_id().find('\n'), std::string::npos);
  }
  EXPECT_TRUE(attached);
}

TEST(Reconciler, DeletesOfUnknownSubnetsWaitForTheDataplane) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables, false};
  EXPECT_THAT(restarted.push(
                  neighbor("far-red", "red", "10.0.2.12", "02:00:00:00:02:12", "", schema::DELETE)),
              ElementsAre(Status::kPending));
  restarted.client.available = true;
  ASSERT_TRUE(restarted.reconciler.connect());
  EXPECT_FALSE(tables.has_neighbor(102, "10.0.2.12"));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.12"));
}

TEST(Reconciler, DeletingARouterThatOnlyTheDataplaneKnowsTakesItsRoutes) {
  FakeDataplane tables;
  Host{tables}.push(whole_network());
  Host restarted{tables};
  restarted.push(green());
  EXPECT_EQ(tables.segments.at(101).router(), router_key("router"));
  auto gone = router();
  gone.set_operation_type(schema::DELETE);
  restarted.push(gone);
  EXPECT_TRUE(tables.routes.empty());
  EXPECT_EQ(tables.segments.at(101).router(), 0U);
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

TEST(Reconciler, MissingDeviceIsPendingUntilAttached) {
  FakeDataplane tables;
  tables.missing_devices.insert("af_packet:tapp");
  Host host{tables};
  host.push(green());
  const auto local = port("p", "green", "10.0.1.5", "02:00:00:00:00:05");
  EXPECT_THAT(host.push(local), ElementsAre(Status::kPending));
  EXPECT_THAT(host.event_kinds(), Contains("port_waiting"));
  ASSERT_EQ(host.report().pending_size(), 1);
  EXPECT_EQ(host.report().pending(0).resource_id(), "p");

  api::PortStatus attached;
  attached.set_id("p");
  attached.set_state(api::ATTACHED);
  host.reconciler.port_changed(attached);
  EXPECT_THAT(host.event_kinds(), Contains("port_attached"));
  EXPECT_EQ(host.report().pending_size(), 0);
  EXPECT_THAT(host.push(local), ElementsAre(Status::kSuccess));
}

TEST(Reconciler, FullTableIsPendingAndRetriedAfterDeletes) {
  FakeDataplane tables;
  tables.most_neighbors = 1;
  Host host{tables};
  host.push(green());
  const auto second = neighbor("b", "green", "10.0.1.22", "02:00:00:00:00:22", "172.16.0.2");
  host.push(neighbor("a", "green", "10.0.1.21", "02:00:00:00:00:21", "172.16.0.2"));
  EXPECT_THAT(host.push(second), ElementsAre(Status::kPending));
  EXPECT_FALSE(host.report().in_sync());
  EXPECT_EQ(host.report().pending_size(), 1);
  host.push(neighbor("a", "green", "10.0.1.21", "", "", schema::DELETE));
  ASSERT_TRUE(host.reconciler.wants_retry());
  host.reconciler.retry();
  host.reconciler.flush();
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.22"));
  EXPECT_TRUE(host.report().in_sync());
}

TEST(Reconciler, WhatTheDataplaneRefusesIsInvalid) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  EXPECT_THAT(host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05")),
              ElementsAre(Status::kInvalidArgument));
  EXPECT_THAT(host.event_kinds(), Contains("resource_refused"));
  ASSERT_EQ(host.report().refused_size(), 1);
  EXPECT_EQ(host.report().refused(0).field(), "attachment");
  EXPECT_THAT(host.report().refused(0).message(), HasSubstr("refused by the test"));
  EXPECT_THAT(host.push(port("q", "green", "10.0.1.6", "02:00:00:00:00:06")),
              ElementsAre(Status::kSuccess));
}

TEST(Reconciler, FloodOfRefusalsIsCounted) {
  FakeDataplane tables;
  Host host{tables};
  schema::GoalState message;
  for (int i = 0; i < 1500; ++i) {
    message.add_vpc_states()->mutable_configuration()->set_cidr(fmt::format("{}", i));
  }
  host.push(message);
  const auto kinds = host.event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resource_refused"), 32);
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resources_refused"), 1);
  EXPECT_EQ(host.report().refused_size(), 256);
}

TEST(Reconciler, FailuresAreToldAmongManyThatWait) {
  FakeDataplane tables;
  tables.refused_ports.insert("p");
  Host host{tables};
  host.push(green());
  schema::GoalState message;
  for (int i = 0; i < 100; ++i) {
    *message.add_port_states() =
        port(fmt::format("waits-{}", i), "red", "10.0.2.5", "02:00:00:00:00:05");
  }
  *message.add_port_states() = port("p", "green", "10.0.1.5", "02:00:00:00:00:05");
  host.push(message);
  const auto kinds = host.event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "resource_pending"), 32);
  EXPECT_THAT(kinds, Contains("resource_refused"));
}

TEST(Reconciler, RefusedResourceDoesNotStopTheOthers) {
  FakeDataplane tables;
  Host host{tables};
  auto message = whole_network();
  *message.add_port_states() = port("bad", "green", "10.0.1.13", "zz:00:00:00:00:00");
  const auto statuses = host.push(message);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kInvalidArgument), 1);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), Status::kSuccess), 8);
  const auto report = host.report();
  ASSERT_EQ(report.refused_size(), 1);
  EXPECT_EQ(report.refused(0).resource_id(), "bad");
  EXPECT_EQ(report.refused(0).field(), "configuration.mac_address");
  EXPECT_EQ(report.refused(0).value(), "zz:00:00:00:00:00");
  EXPECT_THAT(host.event_kinds(), Contains("resource_refused"));
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

TEST(Reconciler, NeighborsByVniAloneGetASegment) {
  FakeDataplane tables;
  Host host{tables};
  EXPECT_THAT(host.push(neighbor("n", "", "10.0.1.9", "02:00:00:00:00:09", "172.16.0.2",
                                 schema::CREATE, 101)),
              ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.segments.contains(101));
  EXPECT_TRUE(tables.has_neighbor(101, "10.0.1.9"));
  // With its subnet the segment becomes whole, and stays when the neighbor goes.
  host.push(green());
  EXPECT_EQ(tables.segments.at(101).prefixes_size(), 1);
  host.push(neighbor("n", "", "10.0.1.9", "", "", schema::DELETE, 101));
  EXPECT_TRUE(tables.neighbors.empty());
  EXPECT_TRUE(tables.segments.contains(101));
}

}  // namespace
}  // namespace alkaid::agent::test
