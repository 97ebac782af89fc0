// --strict-revisions: what is older than what was applied is not.
#include "control/agent/desired/revisions.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

template <class State>
State at_revision(State state, std::uint32_t revision) {
  state.mutable_configuration()->set_revision_number(revision);
  return state;
}

Policy strict() {
  Policy policy;
  policy.strict_revisions = true;
  return policy;
}

TEST(Revisions, AreIgnoredByDefault) {
  FakeDataplane tables;
  Host host{tables};
  host.push(at_revision(subnet("green", "10.0.1", 101), 9));
  EXPECT_THAT(host.push(at_revision(subnet("green", "10.0.1", 201), 3)),
              ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.segments.contains(201));
}

TEST(Revisions, OlderOnesAreOutOfOrderWhenStrict) {
  FakeDataplane tables;
  Host host{tables, true, strict()};
  host.push(at_revision(subnet("green", "10.0.1", 101), 9));
  EXPECT_THAT(host.push(at_revision(subnet("green", "10.0.1", 201), 8)),
              ElementsAre(Status::kOutOfOrder));
  EXPECT_TRUE(tables.segments.contains(101));
  EXPECT_FALSE(tables.segments.contains(201));
  EXPECT_THAT(host.event_kinds(), Contains("resource_out_of_order"));
  ASSERT_EQ(host.report().refused_size(), 1);
  EXPECT_EQ(host.report().refused(0).status(), "OUT_OF_ORDER");
  EXPECT_EQ(host.report().refused(0).field(), "configuration.revision_number");
  // The same one again, one without, a newer one.
  EXPECT_THAT(host.push(at_revision(subnet("green", "10.0.1", 101), 9)),
              ElementsAre(Status::kSuccess));
  EXPECT_THAT(host.push(subnet("green", "10.0.1", 102)), ElementsAre(Status::kSuccess));
  EXPECT_THAT(host.push(at_revision(subnet("green", "10.0.1", 103), 10)),
              ElementsAre(Status::kSuccess));
  EXPECT_TRUE(tables.segments.contains(103));
}

TEST(Revisions, LateStateDoesNotBringBackWhatWasDeleted) {
  FakeDataplane tables;
  Host host{tables, true, strict()};
  host.push(at_revision(green(), 1));
  const auto local = port("p", "green", "10.0.1.5", "02:00:00:00:00:05");
  auto gone = local;
  gone.set_operation_type(schema::DELETE);
  host.push(at_revision(local, 4));
  host.push(at_revision(gone, 5));
  EXPECT_THAT(host.push(at_revision(local, 4)), ElementsAre(Status::kOutOfOrder));
  EXPECT_TRUE(tables.ports.empty());
  EXPECT_THAT(host.push(at_revision(gone, 3)), ElementsAre(Status::kOutOfOrder));
}

TEST(Revisions, AreOfEveryTypeByItself) {
  FakeDataplane tables;
  Host host{tables, true, strict()};
  const auto all_at = [](std::uint32_t revision) {
    schema::GoalState message;
    const auto set = [revision](auto* configuration) {
      configuration->set_id("same");
      configuration->set_revision_number(revision);
    };
    auto whole = whole_network();
    *message.add_vpc_states() = whole.vpc_states(0);
    set(message.mutable_vpc_states(0)->mutable_configuration());
    *message.add_subnet_states() = whole.subnet_states(0);
    set(message.mutable_subnet_states(0)->mutable_configuration());
    *message.add_port_states() = whole.port_states(0);
    set(message.mutable_port_states(0)->mutable_configuration());
    *message.add_neighbor_states() = whole.neighbor_states(0);
    set(message.mutable_neighbor_states(0)->mutable_configuration());
    *message.add_dhcp_states() = whole.dhcp_states(0);
    set(message.mutable_dhcp_states(0)->mutable_configuration());
    *message.add_router_states() = whole.router_states(0);
    set(message.mutable_router_states(0)->mutable_configuration());
    *message.add_gateway_states() = gateway("same", schema::IGW, "172.16.0.9");
    set(message.mutable_gateway_states(0)->mutable_configuration());
    set(message.add_security_group_states()->mutable_configuration());
    return message;
  };
  EXPECT_THAT(host.push(all_at(2)), Not(Contains(Status::kOutOfOrder)));
  EXPECT_THAT(host.push(all_at(1)), Each(Status::kOutOfOrder));
  EXPECT_THAT(host.push(all_at(2)), Not(Contains(Status::kOutOfOrder)));
}

TEST(Revisions, DhcpIsKnownByItsSubnetAndMac) {
  FakeDataplane tables;
  Host host{tables, true, strict()};
  host.push(green());
  auto first = at_revision(dhcp("green", "10.0.1.5", "02:00:00:00:00:05"), 7);
  first.mutable_configuration()->set_id("random-1");
  auto late = at_revision(dhcp("green", "10.0.1.6", "02:00:00:00:00:05"), 6);
  late.mutable_configuration()->set_id("random-2");
  host.push(first);
  EXPECT_THAT(host.push(late), ElementsAre(Status::kOutOfOrder));
}

TEST(Revisions, MemoryIsBounded) {
  Revisions revisions{100};
  EXPECT_FALSE(revisions.advance(ResourceType::kPort, "kept", 5));
  for (int i = 0; i < 99; ++i) {
    revisions.advance(ResourceType::kPort, fmt::format("a{}", i), 1);
  }
  EXPECT_EQ(revisions.advance(ResourceType::kPort, "kept", 4), 5U);
  for (int i = 0; i < 250; ++i) {
    revisions.advance(ResourceType::kPort, fmt::format("b{}", i), 1);
  }
  EXPECT_FALSE(revisions.advance(ResourceType::kPort, "kept", 4)) << "forgotten by now";
}

}  // namespace
}  // namespace alkaid::agent::test
