// Counters and ages of connections that hardware forwards.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

using namespace net;

TEST_F(Offload, CountsAreOfBoth) {
  talk.establish(kUdp);
  const PortIndex guest_index = lab.dataplane().ports().find("green-1")->index;
  const PortIndex uplink_index = lab.dataplane().ports().views()[0].port->index;
  const auto before = connections().at(0);
  const HardwareCounts guest_before = offloader().counts_of(guest_index);
  const HardwareCounts uplink_before = offloader().counts_of(uplink_index);
  const std::uint64_t forwarded_before = nic().forwarded();
  EXPECT_TRUE(before.offloaded);
  EXPECT_EQ(before.directions[0].packets, 2U);
  EXPECT_EQ(before.directions[1].packets, 2U);
  for (int i = 0; i < 5; ++i) {
    talk.there(kUdp);
    talk.back(kUdp);
  }
  EXPECT_EQ(nic().forwarded() - forwarded_before, 10U);
  let_pass(1000);
  const std::size_t frame = frame_of(kUdp, false, {}).size();
  for (std::size_t direction = 0; direction < 2; ++direction) {
    EXPECT_EQ(connections().at(0).directions[direction].packets, 7U);
    EXPECT_EQ(connections().at(0).directions[direction].bytes, 7 * frame);
  }
  const HardwareCounts guest = offloader().counts_of(guest_index);
  const HardwareCounts uplink = offloader().counts_of(uplink_index);
  EXPECT_EQ(guest.rx_packets - guest_before.rx_packets, 5U);
  EXPECT_EQ(guest.tx_packets - guest_before.tx_packets, 5U);
  EXPECT_EQ(guest.rx_bytes - guest_before.rx_bytes, 5 * frame);
  EXPECT_EQ(guest.tx_bytes - guest_before.tx_bytes, 5 * frame);
  EXPECT_EQ(uplink.rx_bytes - uplink_before.rx_bytes, 5 * (frame + 50));
  EXPECT_EQ(uplink.tx_bytes - uplink_before.tx_bytes, 5 * (frame + 50));
  // They stay the connection's when it comes back, and when its entry is given up.
  offloader().set_on(false);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_FALSE(connections().at(0).offloaded);
  let_pass(5000);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_EQ(connections().at(0).directions[1].bytes, 7 * frame);
}

TEST_F(Offload, IdleOnesComeBack) {
  talk.establish(kUdp);
  for (int second = 0; second < 30; ++second) {
    talk.there(kUdp);
    let_pass(1000);
    ASSERT_EQ(nic().rules(), 4U) << "after " << second;
  }
  for (int second = 0; second < 11; ++second) {
    let_pass(1000);
  }
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::idle), 1U);
  EXPECT_EQ(connections().size(), 1U) << "it is idle, not over";
}

// Read when the last packet is some time ago.
TEST_F(Offload, HardwareKnowsHowLongAgo) {
  talk.establish(kUdp);
  talk.there(kUdp);
  let_pass(9500);
  ASSERT_EQ(nic().rules(), 4U);
  let_pass(1001);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::idle), 1U);
}

TEST(OffloadAges, AreReadFromCountersIfHardwareTellsNone) {
  PluggedNic plugged;
  PluggedNic::nic().refuse_ages();
  OffloadLab lab;
  Conversation talk{lab};
  talk.establish(kUdp);
  ASSERT_EQ(PluggedNic::nic().rules(), 4U);
  talk.there(kUdp);
  talk.let_pass(9500);
  talk.let_pass(9500);
  EXPECT_EQ(PluggedNic::nic().rules(), 4U);
  talk.let_pass(1001);
  EXPECT_EQ(PluggedNic::nic().rules(), 0U);
}

TEST_F(Offload, HardwareTellsWhatHasAged) {
  constexpr std::uint32_t kEntry = 3;
  RuleExecutor executor({.table_size = 8, .age = 5});
  const auto aged = [&executor] {
    executor.submit({.kind = RuleRequest::Kind::kAged});
    executor.step();
    auto outcomes = executor.take();
    EXPECT_EQ(outcomes.back().error, 0);
    return outcomes.back().aged;
  };
  const Port& green = port("green-1");
  OffloadRule rule;
  rule.proxy = nic().proxy_of(green.device.ethdev);
  rule.ingress = rule.egress = green.device.ethdev;
  rule.source = rule.destination = IpAddress{kGreen1.ip};
  OffloadRule other = rule;
  other.ports = 1;
  executor.submit({.kind = RuleRequest::Kind::kInstall,
                   .entry = kEntry,
                   .epoch = 1,
                   .rules = std::vector<OffloadRule>{rule, other}});
  nic().let_pass(std::chrono::seconds{4});
  EXPECT_TRUE(aged().empty());
  nic().let_pass(std::chrono::seconds{5});
  const auto told = aged();
  ASSERT_EQ(told.size(), 1U) << "when all of its rules have";
  EXPECT_EQ(told[0].entry, kEntry);
  EXPECT_EQ(told[0].epoch, 1U);
  EXPECT_TRUE(aged().empty()) << "once";
  executor.submit({.kind = RuleRequest::Kind::kRemove, .entry = kEntry, .epoch = 1});
  executor.step();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, WhatHardwareForwardsIsNotForgotten) {
  talk.establish(kUdp);
  const std::uint32_t timeout = lab.dataplane().connections().timeouts().udp_two_way;
  for (std::uint32_t second = 0; second < 2 * timeout; second += 5) {
    ASSERT_EQ(talk.there(kUdp).up.size(), 1U);
    let_pass(1000);
    let_pass(4000);
  }
  EXPECT_EQ(connections().size(), 1U);
  EXPECT_GT(nic().forwarded(), 2 * timeout / 5 - 3U);
  for (std::uint32_t second = 0; second < timeout + 20; second += 5) {
    let_pass(5000);
  }
  EXPECT_TRUE(connections().empty());
  EXPECT_EQ(nic().rules(), 0U);
}

}  // namespace
}  // namespace alkaid::test
