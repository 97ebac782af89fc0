// The window check in the pipeline: forged segments end at the data plane, whoever opened the
// connection, and what it costs is paid only where it is on.
#include <gtest/gtest.h>

#include "dataplane/flow/connection_keeper.hpp"
#include "tests/pipeline/case.hpp"
#include "tests/pipeline/frames.hpp"

namespace alkaid::test {
namespace {

using namespace net;

constexpr std::uint8_t kSyn = tcp_flag::kSyn;
constexpr std::uint8_t kAck = tcp_flag::kAck;
constexpr std::uint8_t kRst = tcp_flag::kRst;
constexpr std::uint32_t kThere = 0xfffffff0;  // wraps with the first data
constexpr std::uint32_t kBack = 7'000'000;

struct End {
  const char* port;
  Station station;
  std::uint16_t tcp_port;
};
constexpr End kClient{"green-1", kGreen1, 1234};
constexpr End kServer{"green-3", kGreen3, 80};

class TcpWindowCheck : public ::testing::TestWithParam<bool> {
 protected:
  TcpWindowCheck() : lab(settings(GetParam())) {
    lab.program_network();
    auto config = PipelineLab::port_config("green-1", kGreen, kGreen1);
    config.policy_enforced = true;
    config.security_groups = {"out"};
    EXPECT_FALSE(lab.programmer().set(config));
    SecurityRuleConfig everything;
    everything.id = "any";
    EXPECT_FALSE(lab.programmer().set(SecurityGroupChange{.id = "out", .rules = {everything}}));
  }

  static DataplaneSettings settings(bool is_on) {
    auto settings = PipelineLab::default_settings();
    settings.flows.tcp_window_check = is_on;
    return settings;
  }
  // Sends it from one end; how many frames come to the other.
  std::size_t segment(const End& from, const End& to, TcpFields tcp, std::size_t data) {
    tcp.source_port = from.tcp_port;
    tcp.destination_port = to.tcp_port;
    tcp.window = 1000;
    lab.send(from.port, {packet()
                             .ethernet({.source = from.station.mac, .destination = to.station.mac})
                             .ipv4({.source = from.station.ip, .destination = to.station.ip})
                             .tcp(tcp)
                             .payload(Bytes(data))
                             .build()});
    return lab.take(to.port).size();
  }
  std::size_t there(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                    std::size_t data = 0, const Bytes& options = {}) {
    return segment(kClient, kServer,
                   {.sequence = sequence,
                    .acknowledgment = acknowledgment,
                    .flags = flags,
                    .options = options},
                   data);
  }
  std::size_t back(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment,
                   std::size_t data = 0, const Bytes& options = {}) {
    return segment(kServer, kClient,
                   {.sequence = sequence,
                    .acknowledgment = acknowledgment,
                    .flags = flags,
                    .options = options},
                   data);
  }
  void establish(const Bytes& options = {}) {
    EXPECT_EQ(there(kSyn, kThere, 0, 0, options), 1U);
    EXPECT_EQ(back(kSyn | kAck, kBack, kThere + 1, 0, options), 1U);
    EXPECT_EQ(there(kAck, kThere + 1, kBack + 1), 1U);
    EXPECT_EQ(back(kAck, kBack + 1, kThere + 1), 1U);
  }
  ConnectionState state() {
    ConnectionState state = ConnectionState::kNone;
    lab.dataplane().connections().for_each<FlowKeyV4>(
        [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
          state = table.record(number).word().state();
        });
    return state;
  }
  bool is_fast() {
    bool fast = false;
    lab.dataplane().connections().for_each<FlowKeyV4>(
        [&](ConnectionTable<FlowKeyV4>& table, ConnectionNumber number) {
          for (const Direction direction : {Direction::kOriginal, Direction::kReply}) {
            const auto flags = table.half(number, direction).fields.flags.load();
            fast = fast || (flags & flow_flag::kFast) != 0;
          }
        });
    return fast;
  }

  const bool is_on = GetParam();
  PipelineLab lab;
};

INSTANTIATE_TEST_SUITE_P(OnAndOff, TcpWindowCheck, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "On" : "Off"; });

TEST_P(TcpWindowCheck, ABlindResetEndsNoConnection) {
  establish();
  EXPECT_EQ(back(kRst, kBack + 100'000, 0), is_on ? 0U : 1U);
  EXPECT_EQ(back(kRst, kBack + 500, 0), 1U) << "inside: the receiver may answer";
  EXPECT_EQ(state(), is_on ? ConnectionState::established : ConnectionState::closed);
  EXPECT_EQ(lab.drops("green-3", DropReason::connection_out_of_window), is_on ? 1U : 0U);
  // Without the check the receiver's going on tells that it was forged.
  EXPECT_EQ(there(kAck, kThere + 1, kBack + 1, 10), 1U);
  EXPECT_EQ(state(), ConnectionState::established);
  EXPECT_EQ(back(kRst, kBack + 1, 0), 1U);
  EXPECT_EQ(state(), ConnectionState::closed) << "the true one";
}

TEST_P(TcpWindowCheck, DataBeyondTheWindowIsDropped) {
  establish();
  EXPECT_EQ(there(kAck, kThere + 1, kBack + 1, 1000), 1U) << "numbers wrap";
  EXPECT_EQ(there(kAck, kThere + 50'000, kBack + 1, 100), is_on ? 0U : 1U);
  EXPECT_EQ(there(kAck, kThere + 1001, kBack + 200'000), is_on ? 0U : 1U);
  EXPECT_EQ(lab.drops("green-1", DropReason::connection_out_of_window), is_on ? 2U : 0U);
  EXPECT_EQ(back(kAck, kBack + 1, kThere + 1001), 1U);
  EXPECT_EQ(there(kAck, kThere + 1001, kBack + 1, 1000), 1U);
}

TEST_P(TcpWindowCheck, WindowScaleIsReadFromTheSyns) {
  establish({3, 3, 5});
  EXPECT_EQ(there(kAck, kThere + 30'000, kBack + 1, 100), 1U) << "32,000 bytes";
  EXPECT_EQ(there(kAck, kThere + 70'000, kBack + 1, 100), is_on ? 0U : 1U);
}

TEST_P(TcpWindowCheck, TheSameEndsMayBeginAgain) {
  establish();
  EXPECT_EQ(there(kRst, kThere + 1, 0), 1U);
  EXPECT_EQ(state(), ConnectionState::closed);
  EXPECT_EQ(there(kSyn, 77, 0), 1U);
  EXPECT_EQ(back(kSyn | kAck, 99, 78), 1U);
  EXPECT_EQ(there(kAck, 78, 100, 10), 1U);
  EXPECT_EQ(state(), ConnectionState::established);
  EXPECT_EQ(there(kAck, kThere + 1, kBack + 1), is_on ? 0U : 1U) << "the old one";
}

TEST_P(TcpWindowCheck, OnlyPortsThatEnforceAPolicyRefuse) {
  auto open = PipelineLab::port_config("green-1", kGreen, kGreen1);
  ASSERT_FALSE(lab.programmer().set(open));
  establish();
  EXPECT_EQ(there(kAck, kThere + 50'000, kBack + 1, 100), 1U);
  EXPECT_EQ(back(kRst, kBack + 100'000, 0), 1U);
  EXPECT_EQ(state(), is_on ? ConnectionState::established : ConnectionState::closed);
}

TEST_P(TcpWindowCheck, CostsNothingWhereItIsOff) {
  establish();
  EXPECT_EQ(is_fast(), !is_on) << "a worker must see every TCP packet";
  EXPECT_EQ(lab.dataplane().flows().tcp_windows<FlowKeyV4>() != nullptr, is_on);
  EXPECT_EQ(lab.dataplane().flows().tcp_windows<FlowKeyV6>() != nullptr, is_on);
}

}  // namespace
}  // namespace alkaid::test
