// Rules are gone before anything that they depend on is said to have changed.
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

TEST_F(Offload, TcpThatClosesComesBack) {
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  EXPECT_EQ(talk.there(kTcp, {.flags = kFin | kAck}).up.size(), 1U);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), 1U);
  ASSERT_EQ(connections().size(), 1U);
  EXPECT_EQ(connections()[0].word.state(), ConnectionState::fin_wait);
}

TEST_F(Offload, ARemovedRuleCutsWhatHardwareForwards) {
  enforce(lab, "green-1", {"out"});
  set_rules(lab, "out", {policy_rule("leave", false, false, ip_protocol::kTcp)});
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"leave"}}));
  answer();
  EXPECT_EQ(nic().rules(), 0U) << "when the agent is answered";
  EXPECT_EQ(ends(OffloadEnd::port_changed), 1U);
  EXPECT_TRUE(talk.there(kTcp).up.empty());
  EXPECT_TRUE(talk.back(kTcp).guest.empty());
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, APolicyThatStillAllowsItLetsItComeAgain) {
  enforce(lab, "green-1", {"out"});
  set_rules(lab, "out",
            {policy_rule("leave", false, false, ip_protocol::kTcp),
             policy_rule("other", false, false, ip_protocol::kUdp)});
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 4U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"other"}}));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "software has not asked the policy again yet";
  EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
  EXPECT_EQ(talk.back(kTcp).guest.size(), 1U);
  let_pass(1001);
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AChangedPort) {
  talk.establish(kUdp);
  auto config = *lab.dataplane().ports().find_config("green-1");
  config.admin_up = false;
  ASSERT_FALSE(lab.programmer().set(config));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_TRUE(talk.there(kUdp).up.empty());
}

TEST_F(Offload, ARemovedPortTakesItsOwnRulesAway) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().all_rules(), 4U + 4 * 2)
      << "each port and the uplink guard hops of both families";
  lab.programmer().remove_port("green-1");
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(nic().all_rules(), 3U * 2) << "what is left is the other ports'";
  EXPECT_EQ(nic().stray_calls(), 0U);
  for (const auto& view : offloader().port_views()) {
    EXPECT_TRUE(view.is_hardware) << view.reason;
  }
  EXPECT_EQ(offloader().port_views().size(), 3U);
}

TEST_F(Offload, AMovedNeighbor) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::neighbor_moved), 1U);
}

TEST_F(Offload, AnotherNeighborsMoveChangesNothing) {
  talk.establish(kUdp);
  const IpAddress vtep{kOtherVtep};
  ASSERT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, kRed2, vtep)));
  answer();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AnotherWayToTheTunnelsEnd) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  lab.dataplane().next_hops().set_uplink(MacAddress::from_number(0x020000000077), Clock::now());
  answer();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::next_hop_changed), 1U);
}

TEST_F(Offload, AChangedSubnet) {
  talk.establish(kUdp);
  auto segment = lab.dataplane().tables().segments.find(kGreen)->config;
  segment.dns_servers.clear();
  ASSERT_FALSE(lab.programmer().set(segment));
  answer();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, AFlushedConnection) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  const ConnectionId id = connections().at(0).id;
  ASSERT_TRUE(lab.dataplane().connections().take_down<FlowKeyV4>(id.number, id.life));
  offloader().connections_ended();
  EXPECT_TRUE(offloader().wait_until_removed());
  EXPECT_EQ(nic().rules(), 0U);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 4U) << "a new one earns it anew";
}

TEST_F(Offload, SwitchedOffAndOn) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  offloader().set_on(false);
  EXPECT_EQ(nic().rules(), 0U);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().all_rules(), 0U) << "no guards either";
  offloader().set_on(true);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, NothingIsLeftBehind) {
  talk.establish(kUdp);
  const std::uint64_t before = nic().forwarded();
  offloader().shut_down();
  EXPECT_EQ(nic().all_rules(), 0U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(nic().forwarded(), before);
}

// More than the notices' ring has room for.
TEST_F(Offload, ManyThatEndAtOnce) {
  // More than requests may be under way. In one burst, as only what has just been heard is a
  // candidate; none is the card's yet.
  constexpr std::uint16_t kMany = 300;
  Frames frames;
  for (std::uint16_t i = 0; i < kMany; ++i) {
    frames.push_back(frame_of({.port = static_cast<std::uint16_t>(3000 + i)}, false, {}));
  }
  lab.enqueue("green-1", frames);
  lab.walk();
  talk.settle();
  talk.settle();
  ASSERT_EQ(offloader().connections(), kMany);
  for (const auto& connection : connections()) {
    lab.dataplane().connections().take_down<FlowKeyV4>(connection.id.number, connection.id.life);
  }
  offloader().connections_ended();
  EXPECT_TRUE(offloader().wait_until_removed());
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), kMany);
}

}  // namespace
}  // namespace alkaid::test
