// A card that takes rules by templates and no others.
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"
#include "tests/pipeline/software_nic.hpp"

namespace alkaid::test {
namespace {

// A card that takes no others.
class TemplateOffload : public ::testing::Test {
 protected:
  class Card : public PluggedNic {
   public:
    Card() { nic().queue().reset(true); }
  };

  static SoftwareNic& nic() { return PluggedNic::nic(); }
  [[nodiscard]] Offloader& offloader() { return lab.dataplane().offloader(); }

  Card card;
  OffloadLab lab;
  Conversation talk{lab};
};

TEST_F(TemplateOffload, MakesAndRemovesRules) {
  talk.establish(kUdp);
  talk.establish(kTcp);
  EXPECT_EQ(nic().rules(), 8U);
  EXPECT_GE(nic().queue().made(), nic().all_rules()) << "none in another way";
  const std::uint64_t forwarded = nic().forwarded();
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(talk.back(kTcp).guest.size(), 1U);
  EXPECT_EQ(nic().forwarded() - forwarded, 2U);
  offloader().set_on(false);
  EXPECT_EQ(nic().all_rules(), 0U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, WhatFailsWhenItIsDoneIsTakenBack) {
  talk.settle();
  const std::size_t own = nic().all_rules();
  nic().refuse_rules(EIO);
  talk.establish(kUdp);
  EXPECT_EQ(nic().all_rules(), own) << "a rule that was not taken is destroyed, too";
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_EQ(offloader().counts().errors.at(EIO), 1U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, AFailedRemovalIsNotAskedForTwice) {
  talk.establish(kUdp);
  ASSERT_EQ(nic().rules(), 4U);
  nic().refuse_removals(EBUSY);
  nic().refuse_flushes(EIO);
  lab.dataplane().publish_changes();
  offloader().policy_changed(lab.dataplane().ports().find("green-1")->index);
  offloader().wait_until_removed();
  EXPECT_EQ(offloader().stuck(), 1U);
  nic().refuse_removals(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 4U) << "its handles are void";
  nic().refuse_flushes(0);
  talk.settle();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_EQ(offloader().stuck(), 0U);
  EXPECT_EQ(nic().stray_calls(), 0U);
}

TEST_F(TemplateOffload, ADriverThatTellsNothingHasFailed) {
  talk.settle();
  nic().queue().fall_silent();
  talk.establish(kUdp);
  EXPECT_EQ(nic().rules(), 0U) << "its switch was emptied";
  EXPECT_EQ(offloader().connections(), 0U);
  EXPECT_GE(offloader().counts().errors.at(ETIMEDOUT), 1U);
  EXPECT_EQ(talk.there(kUdp).up.size(), 1U);
}

}  // namespace
}  // namespace alkaid::test
