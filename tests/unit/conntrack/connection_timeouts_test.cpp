#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/conntrack/connection_state.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid::test {
namespace {

struct Step {
  Direction direction;
  std::uint8_t flags;
};

constexpr auto kO = Direction::kOriginal;
constexpr auto kR = Direction::kReply;
constexpr std::uint8_t kSynAck = tcp_flag::kSyn | tcp_flag::kAck;
constexpr std::uint8_t kFinAck = tcp_flag::kFin | tcp_flag::kAck;

// Of a TCP connection after its SYN and these packets.
std::uint32_t timeout(const ConnectionTimeouts& timeouts, const std::vector<Step>& steps) {
  StateWord word = *open_connection({ip_protocol::kTcp, tcp_flag::kSyn}, false);
  for (const Step& step : steps) {
    word = track(word, step.direction, {ip_protocol::kTcp, step.flags}).next;
  }
  return timeouts.of(word, ip_protocol::kTcp);
}

// Each time-out is another number.
ConnectionTimeouts distinct() {
  ConnectionTimeouts timeouts;
  std::uint32_t next = 1;
  for_each_timeout([&](const char*, auto member) { timeouts.*member = next++; });
  return timeouts;
}

TEST(ConnectionTimeouts, OfEveryTcpState) {
  const ConnectionTimeouts t = distinct();
  using namespace tcp_flag;
  EXPECT_EQ(timeout(t, {}), t.tcp_syn_sent);
  EXPECT_EQ(timeout(t, {{kR, kSyn}}), t.tcp_syn_sent);
  EXPECT_EQ(timeout(t, {{kR, kSynAck}}), t.tcp_syn_received);
  const std::vector<Step> open{{kR, kSynAck}, {kO, kAck}};
  EXPECT_EQ(timeout(t, open), t.tcp_established);
  auto closing = open;
  closing.push_back({kO, kFinAck});
  EXPECT_EQ(timeout(t, closing), t.tcp_fin_wait);
  closing.push_back({kR, kAck});
  EXPECT_EQ(timeout(t, closing), t.tcp_close_wait);
  closing.push_back({kR, kFinAck});
  EXPECT_EQ(timeout(t, closing), t.tcp_last_ack);
  closing.push_back({kO, kAck});
  EXPECT_EQ(timeout(t, closing), t.tcp_time_wait);
  EXPECT_EQ(timeout(t, {{kR, kRst}}), t.tcp_closed);
  auto reset = open;
  reset.push_back({kR, kRst});
  EXPECT_EQ(timeout(t, reset), t.tcp_closed);
}

TEST(ConnectionTimeouts, PickedUpIsShortUntilTheOtherSideIsHeard) {
  const ConnectionTimeouts t = distinct();
  const TrackedPacket ack{ip_protocol::kTcp, tcp_flag::kAck};
  const StateWord word = *open_connection(ack, true);
  EXPECT_EQ(t.of(word, ip_protocol::kTcp), t.tcp_syn_sent);
  EXPECT_EQ(t.of(track(word, kR, ack).next, ip_protocol::kTcp), t.tcp_established);
}

TEST(ConnectionTimeouts, OfOtherProtocols) {
  const ConnectionTimeouts t = distinct();
  const auto of = [&](std::uint8_t protocol, bool replied) {
    const TrackedPacket packet{protocol};
    const StateWord word = *open_connection(packet, false);
    return t.of(replied ? track(word, kR, packet).next : word, protocol);
  };
  EXPECT_EQ(of(ip_protocol::kUdp, false), t.udp_one_way);
  EXPECT_EQ(of(ip_protocol::kUdp, true), t.udp_two_way);
  for (const bool replied : {false, true}) {
    EXPECT_EQ(of(ip_protocol::kIcmp, replied), t.icmp);
    EXPECT_EQ(of(ip_protocol::kIcmpv6, replied), t.icmp);
    EXPECT_EQ(of(ip_protocol::kSctp, replied), t.other);
    EXPECT_EQ(of(47, replied), t.other);
  }
}

// In seconds, as the kernel's Documentation/networking/nf_conntrack-sysctl.rst has them.
TEST(ConnectionTimeouts, DefaultsAreLinuxs) {
  struct Default {
    std::uint32_t ConnectionTimeouts::*timeout;
    std::uint32_t seconds;
    const char* sysctl;  // behind net.netfilter.nf_conntrack_
  };
  using T = ConnectionTimeouts;
  const std::vector<Default> defaults{
      {&T::tcp_syn_sent, 120, "tcp_timeout_syn_sent"},
      {&T::tcp_syn_received, 60, "tcp_timeout_syn_recv"},
      {&T::tcp_established, 5 * 24 * 3600, "tcp_timeout_established"},
      {&T::tcp_fin_wait, 120, "tcp_timeout_fin_wait"},
      {&T::tcp_close_wait, 60, "tcp_timeout_close_wait"},
      {&T::tcp_last_ack, 30, "tcp_timeout_last_ack"},
      {&T::tcp_time_wait, 120, "tcp_timeout_time_wait"},
      {&T::tcp_closed, 10, "tcp_timeout_close"},
      {&T::udp_one_way, 30, "udp_timeout"},
      {&T::udp_two_way, 120, "udp_timeout_stream"},
      {&T::icmp, 30, "icmp_timeout"},
      {&T::icmp, 30, "icmpv6_timeout"},
      {&T::other, 600, "generic_timeout"},
  };
  const ConnectionTimeouts timeouts;
  for (const Default& expected : defaults) {
    EXPECT_EQ(timeouts.*expected.timeout, expected.seconds) << expected.sysctl;
  }
  for_each_timeout([&](const char* name, auto member) {
    EXPECT_TRUE(std::any_of(defaults.begin(), defaults.end(), [&](const Default& expected) {
      return expected.timeout == member;
    })) << name;
  });
}

TEST(ConnectionTimeouts, AreVisitedByName) {
  std::set<std::string> names;
  for_each_timeout([&](const char* name, auto) { names.insert(name); });
  EXPECT_EQ(names.size(), sizeof(ConnectionTimeouts) / sizeof(std::uint32_t));
}

}  // namespace
}  // namespace alkaid::test
