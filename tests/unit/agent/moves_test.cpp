// Stations that are local, remote or by VNI only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::ElementsAre;

TEST(Moves, NeighborsCannotMoveASubnetToAndFro) {
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

TEST(Moves, LocalPortHidesRemoteNeighbor) {
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

TEST(Moves, NeighborOnThisHostIsNotProgrammed) {
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

TEST(Moves, NeighborsByVniAloneGetASegment) {
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
