// Too many connections for the card, or for the table that software keeps them in.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

class FullOffload : public Offload {
 protected:
  static constexpr std::uint16_t kRoom = 10;
  static constexpr std::uint16_t kFirst = 3000;

  FullOffload() : Offload(offload_settings({.after_packets = 0, .connections = kRoom})) {}
  static Flow flow(std::uint16_t number) {
    return {.port = static_cast<std::uint16_t>(kFirst + number)};
  }
  // Of so many flows.
  void talk_of(std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
      talk.there(flow(i));
      talk.back(flow(i));
    }
  }
  [[nodiscard]] bool is_in_hardware(std::uint16_t number) {
    const auto all = connections();
    return std::any_of(all.begin(), all.end(), [&](const auto& connection) {
      return connection.offloaded && connection.directions[0].source_port == flow(number).port;
    });
  }
};

TEST_F(FullOffload, IdleOnesLeaveSoonerIfItIsNearlyFull) {
  talk_of(kRoom - 2);
  talk.settle();
  ASSERT_EQ(offloader().connections(), kRoom - 2U);
  for (int second = 0; second < 5; ++second) {
    talk.settle();
  }
  EXPECT_EQ(offloader().connections(), kRoom - 2U) << "there is room for others";
  talk_of(kRoom - 1);
  talk.settle();
  ASSERT_EQ(offloader().connections(), kRoom - 1U);
  for (int second = 0; second < 3; ++second) {
    talk.there(flow(0));
    talk.settle();
  }
  EXPECT_TRUE(is_in_hardware(0)) << "it isn't idle";
  EXPECT_EQ(offloader().connections(), 1U);
  EXPECT_EQ(ends(OffloadEnd::idle), kRoom - 2U);
}

// Room for 1,024 connections, and flows with some packets only are offloaded.
class CrowdedOffload : public Offload {
 protected:
  static constexpr std::uint32_t kEnough = 8;

  CrowdedOffload() : Offload(settings()) {}
  static DataplaneSettings settings() {
    DataplaneSettings settings = offload_settings({.after_packets = kEnough});
    settings.flows.connections = 1024;
    return settings;
  }
  [[nodiscard]] bool is_known() {
    const auto all = connections();
    return std::any_of(all.begin(), all.end(), [](const auto& connection) {
      return connection.directions[0].source_port == kUdp.port;
    });
  }
};

// Nobody answers it, so it may have to make room.
TEST_F(CrowdedOffload, RulesGoBeforeAConnectionMakesRoom) {
  constexpr std::uint16_t kBurst = 32;
  for (std::uint32_t i = 0; i <= kEnough; ++i) {
    talk.there(kUdp);
  }
  talk.settle();
  ASSERT_EQ(nic().rules(), 2U);
  ASSERT_TRUE(is_known());
  Worker& worker = *lab.dataplane().workers().front();
  for (std::uint16_t port = 10000; port < 20000 && is_known(); port += kBurst) {
    Frames frames;
    frames.reserve(kBurst);
    for (std::uint16_t i = 0; i < kBurst; ++i) {
      frames.push_back(packet()
                           .ethernet({.source = kRed1.mac, .destination = kRed2.mac})
                           .ipv4({.source = kRed1.ip, .destination = kRed2.ip})
                           .udp({.source_port = static_cast<std::uint16_t>(port + i)})
                           .build());
    }
    lab.enqueue("red-1", frames);
    worker.step();
    ASSERT_TRUE(nic().rules() == 0 || is_known()) << "hardware forwards what is over";
    lab.walk();
    ASSERT_EQ(lab.take("up").size(), kBurst) << "others get in";
  }
  EXPECT_FALSE(is_known()) << "it has made room";
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::made_room), 1U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), 0U) << "it did not end in hardware";
}

}  // namespace
}  // namespace alkaid::test
