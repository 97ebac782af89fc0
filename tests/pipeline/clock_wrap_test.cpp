// The connections' clock counts milliseconds in 32 bits: every 49 days it wraps. Nothing may end
// early then, nothing may stay for good, and no port may look new again.
#include "tests/pipeline/policy_network.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint32_t kTimeout = 1000;  // seconds, of all but established TCP
constexpr std::uint32_t kMargin = 100;

class ClockWrap : public ::testing::Test {
 protected:
  // The network comes up that many seconds before the clock wraps; green-1 lets out whatever is
  // sent, and nothing in.
  void start(std::uint32_t seconds) {
    auto settings = PipelineLab::default_settings();
    settings.flows.timeouts.udp_one_way = kTimeout;
    settings.flows.timeouts.udp_two_way = kTimeout;
    settings.flows.mid_stream_seconds = kTimeout;
    lab.emplace(settings);
    auto& clock = lab->dataplane().flows().clock;
    clock.advance(0U - seconds * 1000 - clock.now());
    lab->program_network();
    enforce(*lab, "green-1", {"out"});
    set_rules(*lab, "out", {policy_rule("any", false, false)});
    lab->walk();
  }
  std::size_t there() {
    lab->send("green-1", {udp_frame(kGreen1, kGreen3.mac, kGreen3.ip)});
    return lab->take("green-3").size();
  }
  std::size_t back() {
    lab->send("green-3", {packet()
                              .ethernet({.source = kGreen3.mac, .destination = kGreen1.mac})
                              .ipv4({.source = kGreen3.ip, .destination = kGreen1.ip})
                              .udp({.source_port = 5678, .destination_port = 1234})
                              .build()});
    return lab->take("green-1").size();
  }
  std::size_t tcp(std::uint8_t flags, bool reply, std::uint16_t port = 1234) {
    return send_tcp(*lab, port, flags, reply);
  }

  std::optional<PipelineLab> lab;
};

TEST_F(ClockWrap, AnIdleConnectionEndsNeitherEarlierNorLater) {
  start(300);
  EXPECT_EQ(there(), 1U);
  pass_time(*lab, kTimeout - kMargin);
  EXPECT_EQ(connections_of(*lab), 1);
  pass_time(*lab, 2 * kMargin);
  EXPECT_EQ(connections_of(*lab), 0);
}

// It should have been looked at before the clock wrapped, and is afterwards.
TEST_F(ClockWrap, AConnectionThatWasDueBeforeIsNotForgotten) {
  start(kTimeout + 2 * kMargin);
  EXPECT_EQ(there(), 1U);
  pass_time(*lab, kTimeout + 4 * kMargin, kTimeout + 4 * kMargin);
  EXPECT_EQ(connections_of(*lab), 0);
}

// One direction was last seen before, the other one afterwards: the later counts.
TEST_F(ClockWrap, TheLaterOfTheDirectionsCounts) {
  for (const bool reply_is_later : {true, false}) {
    SCOPED_TRACE(reply_is_later);
    start(300);
    EXPECT_EQ(there(), 1U);
    EXPECT_EQ(back(), 1U);
    pass_time(*lab, 600);
    EXPECT_EQ(reply_is_later ? back() : there(), 1U);
    pass_time(*lab, kTimeout - kMargin);
    EXPECT_EQ(connections_of(*lab), 1);
    EXPECT_EQ(back(), 1U);
    pass_time(*lab, kTimeout + kMargin);
    EXPECT_EQ(connections_of(*lab), 0);
    lab.reset();
  }
}

TEST_F(ClockWrap, AnEstablishedConnectionHasItsFiveDays) {
  start(3600);
  EXPECT_EQ(tcp(tcp_flag::kSyn, false), 1U);
  EXPECT_EQ(tcp(tcp_flag::kSyn | tcp_flag::kAck, true), 1U);
  EXPECT_EQ(tcp(tcp_flag::kAck, false), 1U);
  pass_time(*lab, 430'000, 3600);
  EXPECT_EQ(connections_of(*lab), 1);
  EXPECT_EQ(tcp(tcp_flag::kAck, true), 1U);
  pass_time(*lab, 434'000, 3600);
  EXPECT_EQ(connections_of(*lab), 0);
  EXPECT_EQ(tcp(tcp_flag::kAck, true), 0U);
}

TEST_F(ClockWrap, TcpIsPickedUpInTheMiddleForAsLongAsEver) {
  start(300);
  EXPECT_EQ(tcp(tcp_flag::kAck, false, 1), 1U);
  pass_time(*lab, kTimeout - kMargin);
  EXPECT_EQ(tcp(tcp_flag::kAck, false, 2), 1U) << "beyond the wrap";
  pass_time(*lab, 2 * kMargin);
  EXPECT_EQ(tcp(tcp_flag::kAck, false, 3), 0U);
  EXPECT_EQ(lab->drops("green-1", DropReason::connection_invalid), 1U);
}

// 49 days later the clock shows what it showed when the port appeared.
TEST_F(ClockWrap, AnOldPortDoesNotLookNewAgain) {
  start(300);
  constexpr std::uint32_t kSteps = 16;
  for (std::uint32_t i = 0; i < kSteps; ++i) {
    lab->dataplane().flows().clock.advance(UINT32_MAX / kSteps);
    for (int tick = 0; tick < 200; ++tick) {
      lab->dataplane().tick();
    }
  }
  lab->dataplane().flows().clock.advance(kMargin * 1000);
  EXPECT_EQ(tcp(tcp_flag::kAck, false), 0U);
  EXPECT_EQ(lab->drops("green-1", DropReason::connection_invalid), 1U);
}

}  // namespace
}  // namespace alkaid::test
