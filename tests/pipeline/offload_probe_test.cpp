// Cards that take rules of some kinds only: what they refuse is software's from the start, and
// told.
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OffloadProbe : public ::testing::Test {
 protected:
  static constexpr Flow kUdp6{.ipv6 = true, .port = 2000};
  static constexpr Flow kRouted{.routed = true, .port = 2001};
  static constexpr Flow kRouted6{.ipv6 = true, .routed = true, .port = 2002};

  // A lab with a card that refuses these.
  void refuse(const SoftwareNic::Kinds& kinds) {
    nic().refuse_kinds(kinds);
    lab_.emplace();
    talk_.emplace(*lab_);
    talk_->settle();
  }
  static SoftwareNic& nic() { return PluggedNic::nic(); }
  Offloader& offloader() { return lab_->dataplane().offloader(); }
  // Whether a flow comes into hardware; it is forwarded either way, and nothing is tried in vain.
  bool is_taken(const Flow& flow) {
    const auto before = nic().rules();
    talk_->establish(flow);
    EXPECT_EQ(talk_->there(flow).up.size(), 1U);
    EXPECT_EQ(talk_->back(flow).guest.size(), 1U);
    EXPECT_THAT(offloader().counts().errors, IsEmpty());
    return nic().rules() > before;
  }
  std::string told_of(const std::string& id) {
    for (const auto& view : offloader().port_views()) {
      if (view.port == lab_->dataplane().ports().find(id)->index) {
        EXPECT_TRUE(view.is_hardware) << view.reason;
        return view.reason;
      }
    }
    ADD_FAILURE() << id;
    return {};
  }

  PluggedNic plugged_;
  std::optional<OffloadLab> lab_;
  std::optional<Conversation> talk_;
};

TEST_F(OffloadProbe, NothingIsToldOfACardThatTakesAll) {
  refuse({});
  EXPECT_EQ(told_of("green-1"), "");
  for (const Flow& flow : {kUdp, kTcp, kUdp6, kRouted, kRouted6}) {
    EXPECT_TRUE(is_taken(flow)) << flow.port;
  }
}

TEST_F(OffloadProbe, WithoutIpv6) {
  refuse({.ipv6 = true});
  EXPECT_THAT(told_of("green-1"), HasSubstr("IPv6"));
  EXPECT_TRUE(is_taken(kUdp));
  EXPECT_TRUE(is_taken(kRouted));
  EXPECT_FALSE(is_taken(kUdp6));
  EXPECT_FALSE(is_taken(kRouted6));
}

// Without a rule that gives the last hop's packets to software none may take a hop.
TEST_F(OffloadProbe, WithoutGuardsOfHops) {
  refuse({.guards = true});
  EXPECT_THAT(told_of("green-1"), HasSubstr("routed"));
  EXPECT_TRUE(is_taken(kUdp));
  EXPECT_TRUE(is_taken(kUdp6));
  EXPECT_FALSE(is_taken(kRouted));
  EXPECT_FALSE(is_taken(kRouted6));
}

TEST_F(OffloadProbe, WithoutRewriting) {
  refuse({.rewriting = true});
  EXPECT_THAT(told_of("green-1"), HasSubstr("routed"));
  EXPECT_TRUE(is_taken(kTcp));
  EXPECT_FALSE(is_taken(kRouted));
}

TEST_F(OffloadProbe, WithoutRulesBetweenGuests) {
  refuse({.local = true});
  EXPECT_THAT(told_of("green-1"), HasSubstr("between guests"));
  EXPECT_TRUE(is_taken(kUdp));
  const auto before = nic().rules();
  const Bytes there = udp_frame(kGreen1, kGreen3.mac, kGreen3.ip);
  const Bytes back = packet()
                         .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                         .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                         .udp({.source_port = 5678, .destination_port = 1234})
                         .payload(Bytes(32, 0x5a))
                         .build();
  for (int i = 0; i < 3; ++i) {
    lab_->send("green-1", {there});
    EXPECT_EQ(lab_->take("green-3"), Frames{there});
    lab_->send("green-3", {back});
    EXPECT_EQ(lab_->take("green-1"), Frames{back});
    talk_->settle();
  }
  EXPECT_EQ(nic().rules(), before);
  EXPECT_THAT(offloader().counts().errors, IsEmpty());
}

}  // namespace
}  // namespace alkaid::test
