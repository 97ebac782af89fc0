// Resources that wait, and what they wait for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

TEST(Pending, PortBeforeSubnetIsPendingThenProgrammed) {
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

TEST(Pending, SubnetWithoutVniWaitsForItsVpc) {
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

TEST(Pending, VpcIsPendingWithTheSubnetsThatHaveItsVni) {
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

TEST(Pending, MissingDeviceIsPendingUntilAttached) {
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

TEST(Carrier, IsTold) {
  FakeDataplane tables;
  Host host{tables};
  host.push(green());
  host.push(port("p", "green", "10.0.1.5", "02:00:00:00:00:05"));
  const auto tell = [&](api::PortState state, const char* detail) {
    const std::size_t before = host.event_kinds().size();
    api::PortStatus status;
    status.set_id("p");
    status.set_state(state);
    status.set_detail(detail);
    host.reconciler.port_changed(status);
    auto kinds = host.event_kinds();
    kinds.erase(kinds.begin(), kinds.begin() + static_cast<std::ptrdiff_t>(before));
    return kinds;
  };
  EXPECT_THAT(tell(api::ATTACHED, ""), ElementsAre());
  EXPECT_THAT(tell(api::ATTACHED, "no carrier"), ElementsAre("carrier_lost"));
  EXPECT_THAT(tell(api::ATTACHED, "no carrier"), ElementsAre());
  EXPECT_THAT(tell(api::ATTACHED, ""), ElementsAre("carrier_back"));
  EXPECT_THAT(tell(api::ATTACHED, "no carrier"), ElementsAre("carrier_lost"));
  EXPECT_THAT(tell(api::WAITING, "its device went away"), ElementsAre("port_waiting"));
}

}  // namespace
}  // namespace alkaid::agent::test
