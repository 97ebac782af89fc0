// When a table is said to be nearly full, full, and to have room again; tables_test.cpp has the
// case of objects that are refused.
#include "dataplane/control/table_watch.hpp"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

namespace alkaid {
namespace {

TEST(TableLevels, AreToldAt80PercentAndBelow75) {
  using Told = std::vector<bool>;
  TableWatch watch;
  Told told;
  watch.on_level([&](const TableOccupancy&, bool high) { told.push_back(high); });
  TableOccupancy occupancy{.name = "neighbors", .capacity = 1000};
  const auto look_at = [&](std::uint64_t used) {
    occupancy.used = used;
    watch.look(occupancy, TableWatch::Clock::time_point{});
  };
  look_at(799);
  EXPECT_EQ(told, Told{});
  look_at(800);
  look_at(1000);
  look_at(750);
  EXPECT_EQ(told, Told({true})) << "not to and fro at once";
  look_at(749);
  EXPECT_EQ(told, Told({true, false}));
  look_at(799);
  EXPECT_EQ(told, Told({true, false}));
}

TEST(TableLevels, ThatTrafficFillsHaveRoomWhenCalm) {
  using Told = std::vector<bool>;
  TableWatch watch;
  Told told;
  watch.on_change([&](const TableOccupancy&, bool full) { told.push_back(full); });
  TableOccupancy occupancy{.name = "connections IPv4", .capacity = 1000};
  TableWatch::Clock::time_point now{};
  const auto look_at = [&](std::uint64_t used, std::uint64_t refusals) {
    occupancy.used = used;
    occupancy.full_events += refusals;
    now += TableWatch::kSettle;
    watch.look(occupancy, now, TableWatch::Filler::kTraffic);
  };
  look_at(100, 5);
  EXPECT_EQ(told, Told{}) << "a quota was used up, not the table";
  look_at(990, 3);
  EXPECT_EQ(told, Told({true}));
  look_at(990, 0);
  look_at(990, 4);
  look_at(800, 0);
  EXPECT_EQ(told, Told({true})) << "attack traffic makes no stream of events";
  look_at(749, 0);
  EXPECT_EQ(told, Told({true, false}));
}

}  // namespace
}  // namespace alkaid
