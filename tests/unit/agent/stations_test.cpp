// Memory of stations that are elsewhere is bounded.
#include "control/agent/desired/stations.hpp"

#include <string>

#include <gtest/gtest.h>

namespace alkaid::agent {
namespace {

TEST(Stations, PortsOfOtherHostsAreBounded) {
  DirtyKeys dirty;
  SecurityGroups groups{dirty};
  Stations stations{groups};
  const std::vector<IpAddress> addresses{IpAddress::parse("10.0.0.1").value()};
  for (std::size_t i = 0; i < Stations::kMostRemote; ++i) {
    ASSERT_TRUE(stations.set_port(std::to_string(i), {"web"}, addresses, false));
  }
  EXPECT_FALSE(stations.set_port("one more", {"web"}, addresses, false));
  EXPECT_TRUE(stations.set_port("here", {"web"}, addresses, true));
  EXPECT_EQ(groups.find("web")->members.at(addresses[0]), Stations::kMostRemote + 1);
  // Those that are known may change.
  EXPECT_TRUE(stations.set_port("7", {}, {}, false));
  EXPECT_TRUE(stations.set_port("one more", {"web"}, addresses, false));
}

TEST(Stations, PortsThatLeftAreForgottenAtLast) {
  DirtyKeys dirty;
  SecurityGroups groups{dirty};
  Stations stations{groups};
  const std::vector<IpAddress> addresses{IpAddress::parse("10.0.0.1").value()};
  for (std::size_t i = 0; i < Stations::kMostIdle + 100; ++i) {
    stations.set_port(std::to_string(i), {"web"}, addresses, true);
    stations.delete_port(std::to_string(i), true);
  }
  EXPECT_EQ(stations.remote(), Stations::kMostIdle);
  EXPECT_EQ(groups.find("web"), nullptr);
  // The first is forgotten, the last is not.
  stations.start_index();
  stations.add_row(station_key("0"), addresses[0]);
  EXPECT_EQ(groups.find("web"), nullptr);
  stations.add_row(station_key(std::to_string(Stations::kMostIdle + 99)), addresses[0]);
  EXPECT_NE(groups.find("web"), nullptr);
}

}  // namespace
}  // namespace alkaid::agent
