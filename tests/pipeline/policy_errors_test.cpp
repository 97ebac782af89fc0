// ICMP errors at a port that enforces a policy, of both families: those about its connections pass,
// whoever sends them, those about anything else don't.
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr Station kRouterV4{Ipv4Address{0xc6336401}, kGreen2.mac};  // 198.51.100.1
const Station6 kRouterV6{*IpAddress::parse("2001:db8:ffff::1"), kGreen2.mac};

struct Flow {
  Station from;
  Station to;
  Station6 from6;
  Station6 to6;
  std::uint16_t source_port = 1234;
  std::uint16_t destination_port = 5678;
};
constexpr Flow kTunnelled{kGreen1, kGreen2, kGreen1v6, kGreen2v6};
constexpr Flow kLocal{kGreen1, kGreen3, kGreen1v6, kGreen3v6};

class ErrorsUnderAPolicy : public ::testing::TestWithParam<bool> {
 protected:
  ErrorsUnderAPolicy() {
    enforce(lab, "green-1", {"out"});
    set_rules(lab, "out", {policy_rule("udp", false, ipv6, ip_protocol::kUdp)});
    // It may route for others.
    auto config = unguarded(*lab.dataplane().ports().find_config("green-3"));
    EXPECT_FALSE(lab.programmer().set(config));
  }

  [[nodiscard]] Bytes datagram(const Flow& flow) const {
    const auto ethernet = packet().ethernet({.source = flow.from.mac, .destination = flow.to.mac});
    const UdpFields udp{.source_port = flow.source_port, .destination_port = flow.destination_port};
    return ipv6 ? ethernet.ipv6({.source = flow.from6.ip, .destination = flow.to6.ip})
                      .udp(udp)
                      .payload(Bytes(40))
                      .build()
                : ethernet.ipv4({.source = flow.from.ip, .destination = flow.to.ip})
                      .udp(udp)
                      .payload(Bytes(40))
                      .build();
  }
  static Flow reversed(const Flow& flow) {
    return {flow.to, flow.from, flow.to6, flow.from6, flow.destination_port, flow.source_port};
  }
  // Packet too big or fragmentation needed, about a packet of `flow`, to its sender.
  [[nodiscard]] Bytes too_big(const Flow& flow, const Station& router,
                              const Station6& router6) const {
    const Bytes about = datagram(flow);
    const std::span<const std::uint8_t> quoted = std::span{about}.subspan(sizeof(EthernetHeader));
    const auto ethernet = packet().ethernet({.source = router.mac, .destination = flow.from.mac});
    return ipv6 ? ethernet.ipv6({.source = router6.ip, .destination = flow.from6.ip})
                      .icmpv6({.type = 2, .word = 1280})
                      .payload(quoted)
                      .build()
                : ethernet.ipv4({.source = router.ip, .destination = flow.from.ip})
                      .icmp({.type = 3, .code = 4, .identifier = 0, .sequence = 1280})
                      .payload(quoted)
                      .build();
  }
  // What comes out at green-1 of an error from the wire.
  std::size_t from_wire(const Flow& flow) {
    lab.send("up", {tunnelled(too_big(flow, kRouterV4, kRouterV6), uplink_mac(lab))});
    return lab.take("green-1").size();
  }
  std::size_t open(const Flow& flow, const char* out) {
    lab.send("green-1", {datagram(flow)});
    return lab.take(out).size();
  }

  const bool ipv6 = GetParam();
  Ipv6Lab lab;
};

INSTANTIATE_TEST_SUITE_P(Families, ErrorsUnderAPolicy, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Ipv6" : "Ipv4"; });

TEST_P(ErrorsUnderAPolicy, ARouterBehindTheTunnelIsHeard) {
  EXPECT_EQ(from_wire(kTunnelled), 0U);
  EXPECT_EQ(lab.drops("up", DropReason::icmp_error_unrelated), 1U);
  EXPECT_EQ(open(kTunnelled, "up"), 1U);
  EXPECT_EQ(from_wire(kTunnelled), 1U);
  auto other_port = kTunnelled;
  other_port.destination_port = 9;
  EXPECT_EQ(from_wire(other_port), 0U);
  auto other_station = kTunnelled;
  other_station.to = kRed2;
  other_station.to6 = kRed2v6;
  EXPECT_EQ(from_wire(other_station), 0U);
  EXPECT_EQ(lab.drops("up", DropReason::icmp_error_unrelated), 3U);
  ASSERT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .removed_rules = {"udp"}}));
  EXPECT_EQ(from_wire(kTunnelled), 0U) << "what nothing admits any more has no errors";
}

TEST_P(ErrorsUnderAPolicy, AGuestThatRoutesIsHeard) {
  const auto error = [&](const Flow& flow) {
    lab.send("green-3", {too_big(flow, {kRouterV4.ip, kGreen3.mac}, {kRouterV6.ip, kGreen3.mac})});
    return lab.take("green-1").size();
  };
  EXPECT_EQ(open(kLocal, "green-3"), 1U);
  EXPECT_EQ(error(kLocal), 1U);
  auto other_port = kLocal;
  other_port.source_port = 1235;
  EXPECT_EQ(error(other_port), 0U);
  EXPECT_EQ(lab.drops("green-3", DropReason::icmp_error_unrelated), 1U);
}

// The guest says that answers were too big.
TEST_P(ErrorsUnderAPolicy, LeaveAboutAnswersOnly) {
  const auto error = [&](const Flow& flow) {
    lab.send("green-1", {too_big(reversed(flow), kGreen1, kGreen1v6)});
    return lab.take("up").size();
  };
  EXPECT_EQ(error(kTunnelled), 0U);
  EXPECT_EQ(open(kTunnelled, "up"), 1U);
  EXPECT_EQ(error(kTunnelled), 1U);
  auto other_port = kTunnelled;
  other_port.destination_port = 9;
  EXPECT_EQ(error(other_port), 0U);
  EXPECT_EQ(lab.drops("green-1", DropReason::icmp_error_unrelated), 2U);
}

// Cut anywhere before its tuple ends.
TEST_P(ErrorsUnderAPolicy, AQuoteThatIsCutIsAboutNothing) {
  EXPECT_EQ(open(kTunnelled, "up"), 1U);
  const auto ethernet = packet().ethernet({.source = kGreen2.mac, .destination = kGreen1.mac});
  const Bytes about = datagram(kTunnelled);
  const std::size_t tuple = (ipv6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header)) + sizeof(UdpHeader);
  const auto error = [&](std::size_t length) {
    const auto quoted = std::span{about}.subspan(sizeof(EthernetHeader), length);
    const Bytes inner = ipv6 ? ethernet.ipv6({.source = kRouterV6.ip, .destination = kGreen1v6.ip})
                                   .icmpv6({.type = 2, .word = 1280})
                                   .payload(quoted)
                                   .build()
                             : ethernet.ipv4({.source = kRouterV4.ip, .destination = kGreen1.ip})
                                   .icmp({.type = 3, .code = 4, .identifier = 0, .sequence = 1280})
                                   .payload(quoted)
                                   .build();
    lab.send("up", {tunnelled(inner, uplink_mac(lab))});
    return lab.take("green-1").size();
  };
  EXPECT_EQ(error(tuple), 1U);
  for (std::size_t length = 0; length < tuple; ++length) {
    EXPECT_EQ(error(length), 0U) << length;
  }
}

}  // namespace
}  // namespace alkaid::test
