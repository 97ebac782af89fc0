// Which connections are given to hardware: those that have earned it, as far as there is room.
#include <cerrno>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {
namespace {

class PatientOffload : public Offload {
 protected:
  PatientOffload() : Offload(offload_settings({.after_packets = 10})) {}
};

TEST_F(PatientOffload, WaitsForPackets) {
  talk.establish(kUdp);  // four
  EXPECT_EQ(nic().rules(), 0U);
  for (int i = 0; i < 7; ++i) {
    talk.there(kUdp);
  }
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U) << "both directions, not marked and marked as capable";
  EXPECT_EQ(offloader().connections(), 1U);
}

TEST_F(Offload, HandshakesAreSoftwares) {
  talk.there(kTcp, {.flags = kSyn});
  talk.back(kTcp, {.flags = kSyn | kAck});
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(Offload, TheOtherDirectionIsAddedWhenItIsKnown) {
  talk.there(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 2U);
  talk.back(kUdp);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U);
  EXPECT_EQ(ends(OffloadEnd::state_changed), 1U) << "it was answered";
}

class SmallOffload : public Offload {
 protected:
  static constexpr std::uint32_t kRoom = 10;

  SmallOffload() : Offload(offload_settings({.after_packets = 0, .connections = kRoom})) {}
  void talk_of(std::uint16_t first, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) {
      const Flow flow{.port = static_cast<std::uint16_t>(first + i)};
      talk.there(flow);
      talk.back(flow);
    }
  }
};

TEST_F(SmallOffload, WhatIsRefusedTakesNoPlace) {
  nic().refuse_rules(EOPNOTSUPP);
  talk_of(3000, 3 * kRoom);
  talk.settle();
  let_pass(3000);  // they are quiet
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_GE(offloader().counts().errors.at(told(EOPNOTSUPP)), kRoom);
  nic().refuse_rules(0);
  talk_of(4000, kRoom - 2);
  talk.settle();
  EXPECT_EQ(offloader().connections(), kRoom - 2);
  talk_of(4000, kRoom + 2);
  talk.settle();
  EXPECT_EQ(offloader().connections(), kRoom);
  EXPECT_GT(offloader().counts().refused_full, 0U)
      << "the places are taken by what hardware forwards";
}

}  // namespace
}  // namespace alkaid::test
