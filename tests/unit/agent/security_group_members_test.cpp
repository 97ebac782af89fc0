// Who is in a security group: ports here and elsewhere, neighbors, and addresses that are listed.
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

// A host with a port whose rules let the members of "peers" in.
class Members : public ::testing::Test {
 protected:
  void SetUp() override {
    host.push(green());
    host.push(with_groups(port("p1", "green", "10.0.1.11", "02:00:00:00:01:11"), {"web"}));
    host.push(group("web", {allow_group("from-peers", "peers")}));
  }

  static schema::NeighborState far(schema::OperationType operation = schema::CREATE,
                                   const std::string& ip = "10.0.1.21",
                                   const std::string& id = "far") {
    return neighbor(id, "green", ip, "02:00:00:00:01:21", "172.16.0.2", operation);
  }
  static schema::PortState far_port(const std::vector<std::string>& groups,
                                    const std::string& ip = "10.0.1.21") {
    return with_groups(port("far", "green", ip, "02:00:00:00:01:21"), groups);
  }

  // A message for several hosts, of which this port is for another one.
  void push_elsewhere(const schema::PortState& state) {
    schema::GoalStateV2 message;
    const std::string id = state.configuration().id();
    (*message.mutable_port_states())[id] = state;
    (*message.mutable_host_resources())["172.16.0.1"];
    auto& resource = *(*message.mutable_host_resources())["172.16.0.2"].add_resources();
    resource.set_type(schema::PORT);
    resource.set_id(id);
    EXPECT_TRUE(host.push(message).empty());
  }

  std::string members() const { return tables.members("peers"); }

  FakeDataplane tables;
  Host host{tables};
};

TEST_F(Members, PortsOfThisHost) {
  auto second = with_groups(port("p2", "green", "10.0.1.12", "02:00:00:00:01:12"), {"peers"});
  for (const char* pair : {"10.0.1.99", "10.9.0.0/16"}) {
    second.mutable_configuration()->add_allow_address_pairs()->set_ip_address(pair);
  }
  host.push(second);
  EXPECT_EQ(members(), "10.0.1.12 10.0.1.99");
  host.push(with_groups(port("p2", "green", "10.0.1.13", "02:00:00:00:01:12"), {"peers"}));
  EXPECT_EQ(members(), "10.0.1.13");
  host.push(port("p2", "green", "10.0.1.13", "02:00:00:00:01:12"));
  EXPECT_EQ(members(), "none");
}

TEST_F(Members, PortsOfOtherHosts) {
  push_elsewhere(far_port({"peers"}));
  EXPECT_EQ(members(), "10.0.1.21");
  EXPECT_FALSE(tables.ports.contains("far"));
  push_elsewhere(far_port({"peers", "others"}, "10.0.1.22"));
  EXPECT_EQ(members(), "10.0.1.22");
  push_elsewhere(far_port({"others"}));
  EXPECT_EQ(members(), "none");
  push_elsewhere(far_port({"peers"}));
  push_elsewhere(deleted(far_port({"peers"})));
  EXPECT_EQ(members(), "none");
  // What is malformed is another host's concern.
  push_elsewhere(far_port({"peers"}, "nowhere"));
  EXPECT_EQ(members(), "none");
}

TEST_F(Members, NeighborsAreInTheGroupsOfThePortWithTheirId) {
  // In either order.
  host.push(far(schema::CREATE, "10.0.1.31"));
  push_elsewhere(far_port({"peers"}));
  EXPECT_EQ(members(), "10.0.1.21 10.0.1.31");
  host.push(far(schema::CREATE, "10.0.1.32"));
  EXPECT_EQ(members(), "10.0.1.21 10.0.1.31 10.0.1.32");
  // Another port has the address now.
  host.push(far(schema::UPDATE, "10.0.1.32", "other"));
  EXPECT_EQ(members(), "10.0.1.21 10.0.1.31");
  host.push(far(schema::DELETE, "10.0.1.31"));
  EXPECT_EQ(members(), "10.0.1.21");
  host.push(far(schema::DELETE, "10.0.1.21"));
  EXPECT_EQ(members(), "none");
  // Its groups are still known.
  host.push(far());
  EXPECT_EQ(members(), "10.0.1.21");
}

TEST_F(Members, PortThatMovesAwayStaysInItsGroups) {
  for (const bool neighbor_first : {true, false}) {
    host.push(far_port({"peers"}));
    EXPECT_EQ(members(), "10.0.1.21");
    if (neighbor_first) {
      host.push(far());
      tables.group_changes.clear();
    }
    host.push(deleted(far_port({})));
    if (!neighbor_first) {
      EXPECT_EQ(members(), "none");
      host.push(far());
    } else {
      EXPECT_TRUE(tables.group_changes.empty()) << "it left the group for a moment";
    }
    EXPECT_EQ(members(), "10.0.1.21");
    host.push(far(schema::DELETE));
  }
}

TEST_F(Members, NeighborsThatSayTheirGroups) {
  host.push(with_groups(far(), {"peers"}));
  EXPECT_EQ(members(), "10.0.1.21");
  host.push(with_groups(far(schema::UPDATE), {"others", "peers"}));
  EXPECT_EQ(members(), "10.0.1.21");
  host.push(with_groups(far(schema::UPDATE), {"others"}));
  EXPECT_EQ(members(), "none");
  host.push(with_groups(far(), {"peers"}));
  host.push(far(schema::DELETE));
  EXPECT_EQ(members(), "none");
  // The same address twice: the one that stays holds it.
  push_elsewhere(far_port({"peers"}));
  host.push(with_groups(far(schema::CREATE, "10.0.1.21", "twin"), {"peers"}));
  push_elsewhere(deleted(far_port({"peers"})));
  EXPECT_EQ(members(), "10.0.1.21");
  EXPECT_THAT(host.push(with_groups(far(), {""})), ElementsAre(Status::kInvalidArgument));
  EXPECT_EQ(host.report().refused(0).field(), "configuration.security_group_ids[0]");
}

TEST_F(Members, ListedByTheGroupItself) {
  auto peers = group("peers", {});
  peers.mutable_configuration()->add_member_ips("192.0.2.1");
  peers.mutable_configuration()->add_member_ips("2001:db8::1");
  host.push(peers);
  EXPECT_EQ(members(), "192.0.2.1 2001:db8::1");
  auto change = group("peers", {});
  change.mutable_configuration()->add_member_ips("192.0.2.2");
  change.mutable_configuration()->add_removed_member_ips("192.0.2.1");
  host.push(change);
  EXPECT_EQ(members(), "192.0.2.2 2001:db8::1");
  auto full = group("peers", {}, schema::FULL);
  full.mutable_configuration()->add_member_ips("192.0.2.3");
  host.push(full);
  EXPECT_EQ(members(), "192.0.2.3");
  change.mutable_configuration()->set_member_ips(0, "192.0.2.0/24");
  EXPECT_THAT(host.push(change), ElementsAre(Status::kInvalidArgument));
  EXPECT_EQ(host.report().refused(0).field(), "configuration.member_ips[0]");
  host.push(deleted(full));
  EXPECT_EQ(members(), "none");
}

TEST_F(Members, ChangeOfOneIsOneChange) {
  schema::GoalState message;
  for (int i = 1; i <= 200; ++i) {
    *message.add_neighbor_states() = with_groups(
        far(schema::CREATE, fmt::format("10.0.7.{}", i), fmt::format("n{}", i)), {"peers"});
  }
  EXPECT_THAT(host.push(message), Each(Status::kSuccess));
  tables.group_changes.clear();
  host.push(with_groups(far(schema::CREATE, "10.0.8.1", "one"), {"peers"}));
  host.push(far(schema::DELETE, "10.0.8.1", "one"));
  ASSERT_EQ(tables.group_changes.size(), 2U);
  EXPECT_EQ(tables.group_changes[0].members_size(), 1);
  EXPECT_EQ(tables.group_changes[1].removed_members_size(), 1);
}

}  // namespace
}  // namespace alkaid::agent::test
