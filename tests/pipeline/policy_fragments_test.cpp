// Fragments at a port that enforces a policy: the first one decides for all, in whatever order they
// come.
#include <algorithm>

#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint16_t kAllowed = 5678;
constexpr std::uint16_t kRefused = 9;

class FragmentsUnderAPolicy : public ::testing::TestWithParam<bool> {
 protected:
  FragmentsUnderAPolicy() {
    enforce(lab, "green-1", {"out"});
    set_rules(lab, "out", {policy_rule("udp", false, ipv6, ip_protocol::kUdp, kAllowed)});
  }

  // A datagram between green-1 and green-3 in three pieces, as they stand in it; each time another.
  Frames pieces(std::uint16_t port, bool reply = false) {
    ++identification;
    const Station& from = reply ? kGreen3 : kGreen1;
    const Station& to = reply ? kGreen1 : kGreen3;
    const auto ethernet = packet().ethernet({.source = from.mac, .destination = to.mac});
    const auto piece = [&](std::uint16_t offset, const auto& finish) {
      const auto words = static_cast<std::uint16_t>(offset / 8);
      const bool more = offset < 1600;
      return ipv6 ? finish(ethernet
                               .ipv6({.source = (reply ? kGreen3v6 : kGreen1v6).ip,
                                      .destination = (reply ? kGreen1v6 : kGreen3v6).ip})
                               .ipv6_fragment({.offset = words,
                                               .more_fragments = more,
                                               .identification = identification,
                                               .next_header = ip_protocol::kUdp}))
                  : finish(ethernet.ipv4({.source = from.ip,
                                          .destination = to.ip,
                                          .identification = identification,
                                          .more_fragments = more,
                                          .fragment_offset = words,
                                          .protocol = ip_protocol::kUdp}));
    };
    const UdpFields udp{.source_port = reply ? port : std::uint16_t{1234},
                        .destination_port = reply ? std::uint16_t{1234} : port,
                        .length = 1608,
                        .checksum = 0x1234};
    return {piece(0, [&](const auto& ip) { return ip.udp(udp).payload(Bytes(792, 1)).build(); }),
            piece(800, [](const auto& ip) { return ip.payload(Bytes(800, 2)).build(); }),
            piece(1600, [](const auto& ip) { return ip.payload(Bytes(8, 3)).build(); })};
  }
  static Frames backwards(Frames frames) {
    std::reverse(frames.begin(), frames.end());
    return frames;
  }
  std::size_t there(const Frames& frames) {
    lab.send("green-1", frames);
    return lab.take("green-3").size();
  }
  std::size_t back(const Frames& frames) {
    lab.send("green-3", frames);
    return lab.take("green-1").size();
  }

  const bool ipv6 = GetParam();
  std::uint16_t identification = 0;
  Ipv6Lab lab;
};

INSTANTIATE_TEST_SUITE_P(Families, FragmentsUnderAPolicy, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Ipv6" : "Ipv4"; });

TEST_P(FragmentsUnderAPolicy, AllowedOnesPassInEitherOrder) {
  EXPECT_EQ(there(pieces(kAllowed)), 3U);
  EXPECT_EQ(there(backwards(pieces(kAllowed))), 3U);
  EXPECT_EQ(connections_of(lab), 1);
  EXPECT_EQ(back(pieces(kAllowed, true)), 3U) << "answers";
  EXPECT_EQ(back(backwards(pieces(kAllowed, true))), 3U);
  EXPECT_EQ(connections_of(lab), 1);
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST_P(FragmentsUnderAPolicy, BackwardsMayBeTheFirstOfAConnection) {
  EXPECT_EQ(there(backwards(pieces(kAllowed))), 3U);
  EXPECT_EQ(back(backwards(pieces(kAllowed, true))), 3U);
  EXPECT_TRUE(lab.all_drops().empty());
}

TEST_P(FragmentsUnderAPolicy, ARefusedFirstOneRefusesTheOthersInEitherOrder) {
  EXPECT_EQ(there(pieces(kAllowed)), 3U) << "another connection of the same stations";
  EXPECT_EQ(there(pieces(kRefused)), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 1U);
  EXPECT_EQ(there(backwards(pieces(kRefused))), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 2U);
  EXPECT_EQ(back(pieces(kRefused, true)), 0U);
  EXPECT_EQ(lab.drops("green-3", DropReason::policy_ingress), 1U);
  EXPECT_EQ(back(backwards(pieces(kRefused, true))), 0U);
  EXPECT_EQ(connections_of(lab), 1);
}

TEST_P(FragmentsUnderAPolicy, ARemovedRuleCutsWhatIsFragmented) {
  EXPECT_EQ(there(pieces(kAllowed)), 3U);
  EXPECT_EQ(back(pieces(kAllowed, true)), 3U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"udp"}}));
  EXPECT_EQ(back(backwards(pieces(kAllowed, true))), 0U);
  EXPECT_EQ(there(pieces(kAllowed)), 0U);
  EXPECT_EQ(connections_of(lab), 0);
}

// One that is under way: its first piece has passed.
TEST_P(FragmentsUnderAPolicy, TheRestOfADatagramIsCutToo) {
  const Frames frames = pieces(kAllowed);
  EXPECT_EQ(there({frames[0], frames[1]}), 2U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"udp"}}));
  EXPECT_EQ(there({frames[2]}), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::policy_egress), 1U);
}

}  // namespace
}  // namespace alkaid::test
