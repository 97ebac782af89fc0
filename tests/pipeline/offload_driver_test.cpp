// Drivers that refuse, are full or lose rules, and ports that hardware can do nothing for.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

TEST_F(Offload, ARefusedRuleMeansSoftware) {
  nic().refuse_rules(EOPNOTSUPP);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(offloader().counts().errors.at(told(EOPNOTSUPP)), 1U) << "not tried again at once";
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  nic().refuse_rules(0);
  for (int i = 0; i < 6; ++i) {
    let_pass(2000);
    talk.there(kUdp);
  }
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
}

TEST_F(Offload, AFullTable) {
  nic().set_capacity(8 + 4 + 3);  // the ports' own, one connection, and not quite another
  talk.establish(kUdp);
  talk.establish(kTcp);
  EXPECT_EQ(offloader().connections(), 1U);
  EXPECT_EQ(nic().rules(), 4U) << "what was installed of the second is gone";
  EXPECT_GE(offloader().counts().errors.at(ENOSPC), 1U);
  EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
}

TEST_F(Offload, WhatCantBeRemovedAloneGoesWithTheRest) {
  talk.establish(kUdp);
  talk.establish(kTcp);
  ASSERT_EQ(nic().rules(), 8U);
  nic().refuse_removals(EBUSY);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  talk.settle();
  EXPECT_EQ(offloader().connections(), 0U);
  nic().refuse_removals(0);
  talk.there(kTcp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "it isn't trusted any more";
  for (const auto& view : offloader().port_views()) {
    EXPECT_FALSE(view.is_hardware);
    EXPECT_NE(view.reason, "");
  }
}

TEST_F(Offload, WhatCantBeReadComesBack) {
  talk.establish(kUdp);
  nic().refuse_queries(EIO);
  let_pass(1000);
  EXPECT_EQ(ends(OffloadEnd::rules_lost), 1U);
}

TEST(OffloadPorts, SayWhyTheyAreSoftware) {
  DataplaneSettings settings = PipelineLab::default_settings();
  settings.offload.is_on = true;
  {
    const PluggedNic plugged;
    PluggedNic::nic().refuse_validation(ENOTSUP);
    OffloadLab lab(settings);
    Conversation(lab).settle();
    std::size_t guests = 0;
    for (const auto& view : lab.dataplane().offloader().port_views()) {
      const Port* port = lab.dataplane().port_table().find(view.port);
      EXPECT_EQ(view.is_hardware, port->is_uplink);
      if (!port->is_uplink) {
        ++guests;
        EXPECT_NE(view.reason.find("no tunnels"), std::string::npos) << view.reason;
      }
    }
    EXPECT_EQ(guests, 3U);
    EXPECT_FALSE(lab.dataplane().offloader().is_watching());
  }
  if (SoftwareNic::instance().is_plugged()) {
    return;  // the whole suite's
  }
  OffloadLab lab(settings);
  Conversation(lab).settle();
  for (const auto& view : lab.dataplane().offloader().port_views()) {
    EXPECT_FALSE(view.is_hardware);
    EXPECT_NE(view.reason.find("no switch in hardware"), std::string::npos) << view.reason;
  }
  EXPECT_FALSE(lab.dataplane().offloader().is_watching());
}

TEST_F(Offload, AnotherSwitch) {
  const std::uint16_t device = port("green-1").device.ethdev;
  nic().put_into_other_switch(device);
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U);
  for (const auto& view : offloader().port_views()) {
    EXPECT_EQ(view.is_hardware, view.port != port("green-1").index) << view.reason;
  }
}

// Two ports, each of which manages the rules about its own packets: one connection has rules here
// and there.
TEST_F(Offload, AFlushOfOnePortsRulesLosesNoCounts) {
  nic().let_ports_manage_themselves();
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  for (int i = 0; i < 5; ++i) {
    talk.there(kUdp);
  }
  for (int i = 0; i < 3; ++i) {
    talk.back(kUdp);
  }
  nic().refuse_removals(EBUSY);  // of the uplink, then of the guest's port
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(connections().at(0).directions[0].packets, 7U);
  EXPECT_EQ(connections().at(0).directions[1].packets, 5U);
}

TEST_F(Offload, AFlushThatFailsIsNotForgotten) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  nic().refuse_removals(EBUSY);
  nic().refuse_flushes(EIO);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 4U);
  EXPECT_EQ(offloader().stuck(), 1U);
  EXPECT_EQ(offloader().connections(), 1U) << "hardware forwards it, by the old rules";
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  talk.settle();
  EXPECT_EQ(offloader().counts().late_removals, 1U) << "counted once";
  nic().refuse_removals(0);
  nic().refuse_flushes(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "tried again";
  EXPECT_EQ(offloader().stuck(), 0U);
  EXPECT_EQ(offloader().connections(), 0U);
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U) << "it isn't trusted any more";
  offloader().set_on(false);
  offloader().set_on(true);
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 4U) << "an operator trusts it again";
}

}  // namespace
}  // namespace alkaid::test
