// VLANs for ports whose attachment leaves them open.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/agent/vlan/vlan_assigner.hpp"
#include "tests/unit/agent/agent_host.hpp"

namespace alkaid::agent::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(OpenVlan, IsTrunksAndARange) {
  const auto open = OpenVlan::parse("vlan:trunk0,eth1.5/{vlan}");
  ASSERT_TRUE(open);
  EXPECT_THAT(open->trunks, ElementsAre("trunk0", "eth1.5"));
  EXPECT_EQ(open->first, 1);
  EXPECT_EQ(open->last, 4094);
  const auto some = OpenVlan::parse("vlan:trunk0/{vlan:100-199}");
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->allows({"trunk0", 100}));
  EXPECT_TRUE(some->allows({"trunk0", 199}));
  EXPECT_FALSE(some->allows({"trunk0", 200}));
  EXPECT_FALSE(some->allows({"trunk1", 100}));
  for (const char* text :
       {"", "vlan:", "vlan:trunk0", "vlan:trunk0/5", "vlan:/{vlan}", "vlan:trunk0,/{vlan}",
        "vlan:trunk0,trunk0/{vlan}", "vlan:trunk0/{vlan", "vlan:trunk0/{vlan:}",
        "vlan:trunk0/{vlan:5}", "vlan:trunk0/{vlan:0-5}", "vlan:trunk0/{vlan:5-4095}",
        "vlan:trunk0/{vlan:6-5}", "vlan:trunk0/{vlan-5}", "vlan:trunk0/{vlan}x", "tap:{vlan}",
        "vlan:a/b/{vlan}", "vlan:sixteen-letters-/{vlan}"}) {
    EXPECT_FALSE(OpenVlan::parse(text)) << text;
  }
}

TEST(VlanAssigner, SpreadsOverTheTrunksUntilNoneIsFree) {
  VlanAssigner assigner;
  const auto open = *OpenVlan::parse("vlan:trunk0,trunk1/{vlan}");
  std::set<std::string> given;
  for (unsigned port = 0; port < 2 * kHighestVlan; ++port) {
    const auto attachment = assigner.assign(std::to_string(port), open);
    ASSERT_TRUE(attachment) << port;
    given.insert(*attachment);
    if (port == 9) {
      EXPECT_TRUE(given.contains("vlan:trunk0/5"));
      EXPECT_TRUE(given.contains("vlan:trunk1/5"));
    }
  }
  EXPECT_EQ(given.size(), 2U * kHighestVlan);
  EXPECT_FALSE(assigner.assign("one more", open));
  EXPECT_EQ(assigner.assign("17", open), "vlan:trunk1/9") << "who has one keeps it";
  assigner.release("17");
  EXPECT_EQ(assigner.assign("one more", open), "vlan:trunk1/9");
  EXPECT_EQ(assigner.size(), 2U * kHighestVlan);
}

TEST(VlanAssigner, TakesWhatWasGivenBackLast) {
  VlanAssigner assigner;
  const auto open = *OpenVlan::parse("vlan:trunk0/{vlan:10-13}");
  EXPECT_EQ(assigner.assign("a", open), "vlan:trunk0/10");
  EXPECT_EQ(assigner.assign("b", open), "vlan:trunk0/11");
  assigner.release("a");
  EXPECT_EQ(assigner.assign("c", open), "vlan:trunk0/12");
  EXPECT_EQ(assigner.assign("d", open), "vlan:trunk0/13");
  EXPECT_EQ(assigner.assign("e", open), "vlan:trunk0/10");
}

TEST(VlanAssigner, WhatPortsHaveIsHeld) {
  VlanAssigner assigner;
  assigner.hold("a", "vlan:trunk0/1");
  assigner.hold("a", "vlan:trunk0/2");
  assigner.hold("b", "vlan:trunk0/1");
  assigner.hold("c", "af_packet:eth0");
  const auto open = *OpenVlan::parse("vlan:trunk0/{vlan}");
  EXPECT_EQ(assigner.assign("a", open), "vlan:trunk0/1");
  EXPECT_EQ(assigner.assign("b", open), "vlan:trunk0/2");
  const auto elsewhere = *OpenVlan::parse("vlan:trunk1/{vlan:7-7}");
  EXPECT_EQ(assigner.assign("a", elsewhere), "vlan:trunk1/7") << "another template";
  EXPECT_EQ(assigner.assign("d", open), "vlan:trunk0/3");
}

schema::PortState green_port(const char* id, const char* address, const char* mac) {
  return port(id, "green", address, mac);
}

struct VlanHost : Host {
  explicit VlanHost(FakeDataplane& tables, bool connect = true,
                    const char* attach = "vlan:trunk0,trunk1/{vlan}")
      : Host(tables, connect) {
    port_attach = attach;
  }
  [[nodiscard]] std::string attachment(const std::string& id) const {
    const auto found = reconciler.programmed().ports.find(id);
    return found == reconciler.programmed().ports.end() ? "none" : found->second.object.attachment;
  }
};

const schema::PortState kFirst = green_port("first", "10.0.1.5", "02:00:00:00:00:05");
const schema::PortState kSecond = green_port("second", "10.0.1.6", "02:00:00:00:00:06");
const schema::PortState kThird = green_port("third", "10.0.1.7", "02:00:00:00:00:07");

TEST(PortVlans, AreKeptAsLongAsThePort) {
  FakeDataplane tables;
  VlanHost host{tables};
  host.push(green());
  host.push(kFirst);
  host.push(kSecond);
  EXPECT_EQ(host.attachment("first"), "vlan:trunk0/1");
  EXPECT_EQ(host.attachment("second"), "vlan:trunk1/1");
  const auto calls = tables.apply_calls;
  host.push(kFirst);
  EXPECT_EQ(tables.apply_calls, calls) << "the same again is no change";
  auto gone = kFirst;
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_EQ(host.attachment("first"), "none");
  host.push(kThird);
  EXPECT_EQ(host.attachment("third"), "vlan:trunk0/2") << "the former guest may still be there";
}

// Of a restarted agent the data plane knows more than the agent, until it is told everything again.
TEST(PortVlans, ARestartedAgentFindsThemInTheDataplane) {
  FakeDataplane tables;
  {
    VlanHost host{tables};
    host.push(green());
    host.push(kFirst);
    host.push(kSecond);
  }
  VlanHost restarted{tables};
  restarted.push(green());
  const auto calls = tables.apply_calls;
  restarted.push(kSecond);
  EXPECT_EQ(tables.apply_calls, calls);
  restarted.push(kThird);
  EXPECT_EQ(restarted.attachment("first"), "vlan:trunk0/1");
  EXPECT_EQ(restarted.attachment("second"), "vlan:trunk1/1");
  EXPECT_EQ(restarted.attachment("third"), "vlan:trunk0/2");

  // It need not be there when the agent is told.
  VlanHost waiting{tables, false};
  waiting.push(green());
  waiting.push(kThird);
  waiting.push(kSecond);
  waiting.client.available = true;
  const auto before = tables.apply_calls;
  EXPECT_TRUE(waiting.reconciler.connect());
  EXPECT_EQ(tables.apply_calls, before);
  EXPECT_EQ(waiting.attachment("third"), "vlan:trunk0/2");
}

TEST(PortVlans, AnEmptyDataplaneGetsTheSame) {
  FakeDataplane tables;
  VlanHost host{tables};
  host.push(green());
  host.push(kFirst);
  host.push(kSecond);
  host.push(kThird);
  auto gone = kFirst;
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  host.reconciler.connection_lost("the test says so");
  host.push(kThird);
  FakeDataplane empty;
  empty.instance = 2;
  tables = empty;
  EXPECT_TRUE(host.reconciler.connect());
  EXPECT_EQ(host.attachment("second"), "vlan:trunk1/1");
  EXPECT_EQ(host.attachment("third"), "vlan:trunk0/2");
}

TEST(PortVlans, WhenNoneIsFreeThePortIsRefused) {
  FakeDataplane tables;
  VlanHost host{tables, true, "vlan:trunk0/{vlan:7-8}"};
  host.push(green());
  host.push(kFirst);
  host.push(kSecond);
  EXPECT_THAT(host.push(kThird), Each(Status::kFailure));
  EXPECT_EQ(host.attachment("third"), "none");
  auto gone = kFirst;
  gone.set_operation_type(schema::DELETE);
  host.push(gone);
  EXPECT_THAT(host.push(kThird), Each(Status::kSuccess));
  EXPECT_EQ(host.attachment("third"), "vlan:trunk0/7");
}

}  // namespace
}  // namespace alkaid::agent::test
