// Drivers that are slow or stand still, talked to by a thread of their own.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "tests/pipeline/threaded_offload.hpp"

namespace alkaid::test {
namespace {

using namespace net;

TEST_F(ThreadedOffload, ASlowDriverHoldsUpChangesNotForwarding) {
  nic().set_delay(std::chrono::milliseconds{5});
  establish(kUdp);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U) << "waited for";
  EXPECT_EQ(offloader().counts().late_removals, 0U);
}

TEST_F(ThreadedOffload, ARemovalOvertakesAnInstallation) {
  establish(kUdp);
  nic().set_delay(std::chrono::milliseconds{30});
  talk.establish(kTcp);
  for (const Flow& flow : {kUdp, kTcp}) {
    talk.there(flow);
    talk.back(flow);
  }
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U) << "also those that were being installed";
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(offloader().rules(), 0U);
}

TEST_F(ThreadedOffload, AHalfInstalledConnectionIsRemoved) {
  establish(kUdp);
  nic().set_capacity(8 + 4 + 2);
  nic().set_delay(std::chrono::milliseconds{20});
  talk.establish(kTcp);
  move_neighbor();
  EXPECT_EQ(nic().rules(), 0U);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(offloader().rules(), 0U);
}

// For the sanitizers: three threads. Packets come past the card, so software decides anew, opens,
// closes and counts while the control thread reads, marks and takes back.
TEST_F(ThreadedOffload, WorkersDecideWhileRulesComeAndGo) {
  establish(kUdp);
  Worker& worker = *lab.dataplane().workers().front();
  std::jthread thread([&](const std::stop_token& stop) {
    lab.dataplane().quiescence().register_worker(0);
    while (!stop.stop_requested()) {
      worker.step();
    }
    lab.dataplane().quiescence().unregister_worker(0);
  });
  const std::uint8_t flags[] = {kSyn, kAck, kAck, kAck, kFin | kAck, kRst | kAck};
  for (std::uint32_t round = 0; round < 400; ++round) {
    lab.enqueue("green-1",
                {frame_of(kUdp, false, {}), frame_of(kTcp, false, {.flags = flags[round % 6]})});
    lab.enqueue("up", {tunnelled(frame_of(kUdp, true, {}), uplink_mac(lab))});
    const IpAddress vteps[] = {IpAddress{kPeerVtep}, IpAddress{kOtherVtep}};
    if (round % 8 == 0) {
      ASSERT_FALSE(lab.programmer().set(
          PipelineLab::neighbor_config(kGreen, kGreen2, vteps[round / 8 % 2])));
      answer();
    }
    lab.dataplane().tick();
    lab.dataplane().connections().for_each<FlowKeyV4>([&](auto& table, ConnectionNumber number) {
      offloader().look_at(false, number, table.record(number).life.load());
    });
    lab.take("up");
    lab.take("green-1");
  }
  thread.request_stop();
  thread.join();
  EXPECT_GT(offloader().counts().installed, 1U);
  offloader().set_on(false);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
  for (const auto& connection : connections()) {
    EXPECT_EQ(lab.dataplane().flows().v4.record(connection.id.number).state.load() &
                  ConnectionRecord::kOffloaded,
              0U);
  }
}

// A driver stands still in the middle of its work, while connections come and go.
class HeldUpOffload : public ThreadedOffload {
 protected:
  static constexpr std::uint32_t kEnough = 8;  // packets, and one more

  HeldUpOffload()
      : ThreadedOffload({.after_packets = kEnough, .longest_wait = std::chrono::milliseconds{20}}) {
    wait_for_ports();
  }
  ~HeldUpOffload() override { nic().let_go(); }

  // The last of these packets makes it a candidate, whose directions are both known.
  void offer(const Flow& flow) {
    talk.establish(flow);
    for (std::uint32_t packets = 6; packets <= kEnough; ++packets) {
      talk.there(flow);
    }
  }
  void wait_until_held_up() {
    ASSERT_TRUE(comes_true([this] { return nic().is_held_up(); }));
  }
  // As an operator's flush does (ConnectionFlush). False: the answer came before the rules' end.
  bool flush() {
    for (const auto& connection : connections()) {
      lab.dataplane().connections().take_down<FlowKeyV4>(connection.id.number, connection.id.life);
    }
    offloader().connections_ended();
    return offloader().wait_until_removed();
  }
  [[nodiscard]] std::optional<ConnectionSnapshot> connection_at(ConnectionNumber number) {
    for (const auto& connection : connections()) {
      if (connection.id.number == number) {
        return connection;
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] ConnectionNumber number_of(const Flow& flow) {
    for (const auto& connection : connections()) {
      if (connection.directions[0].source_port == flow.port) {
        return connection.id.number;
      }
    }
    ADD_FAILURE() << "no connection from port " << flow.port;
    return 0;
  }
  // Handshakes are begun until one of them has the number.
  [[nodiscard]] Flow take(ConnectionNumber number) {
    constexpr std::uint16_t kAtOnce = 64;
    for (std::uint16_t port = 10000; port < 20000; port += kAtOnce) {
      Frames handshakes;
      handshakes.reserve(kAtOnce);
      for (std::uint16_t i = 0; i < kAtOnce; ++i) {
        const auto source = static_cast<std::uint16_t>(port + i);
        handshakes.push_back(
            frame_of({.protocol = ip_protocol::kTcp, .port = source}, false, {.flags = kSyn}));
      }
      lab.enqueue("green-1", handshakes);
      lab.walk();
      lab.take("up");
      if (const auto taken = connection_at(number)) {
        return {.protocol = ip_protocol::kTcp, .port = taken->directions[0].source_port};
      }
    }
    ADD_FAILURE() << "nobody gets the number " << number;
    return {};
  }
  // All connections end before the driver has done what it was asked to; then their successor has
  // rules, counters and packets of its own.
  void expect_that_it_can_be_taken(ConnectionNumber number) {
    const std::size_t ended = connections().size();
    ASSERT_FALSE(flush()) << "the driver stands still";
    EXPECT_EQ(offloader().counts().late_removals, ended);
    const Flow next = take(number);
    const std::uint64_t forwarded = nic().forwarded();
    offer(next);
    const Exchange there = talk.there(next);
    const Exchange back = talk.back(next);
    ASSERT_EQ(there.up.size(), 1U);
    ASSERT_EQ(back.guest.size(), 1U);
    EXPECT_EQ(nic().forwarded(), forwarded);
    EXPECT_FALSE(connection_at(number)->offloaded);

    nic().let_go();
    ASSERT_TRUE(comes_true([&] { return connection_at(number)->offloaded; }));
    EXPECT_EQ(nic().rules(), 4U) << "its own";
    EXPECT_EQ(offloader().rules(), 4U);
    EXPECT_EQ(offloader().connections(), 1U);
    EXPECT_EQ(offloader().counts().installed, 2U) << "it, and what the driver was busy with";
    EXPECT_EQ(ends(OffloadEnd::state_changed), ended);
    talk.there(kTcp);
    EXPECT_EQ(nic().forwarded(), forwarded) << "of what was flushed nothing is left";
    EXPECT_EQ(talk.there(next), there);
    EXPECT_EQ(talk.back(next), back);
    EXPECT_EQ(nic().forwarded(), forwarded + 2);
    let_pass(1001);
    const auto has_counted = [&](Direction direction, std::uint64_t packets) {
      return connection_at(number)->directions[static_cast<std::size_t>(direction)].packets ==
             packets;
    };
    // The handshake's first packet was sent twice.
    EXPECT_TRUE(comes_true([&] { return has_counted(Direction::kOriginal, 1 + 3 + 3 + 2); }));
    EXPECT_TRUE(comes_true([&] { return has_counted(Direction::kReply, 3 + 2); }));
  }
};

TEST_F(HeldUpOffload, ANumberIsTakenWhileItsRulesAreBeingInstalled) {
  nic().hold_after(1);
  offer(kTcp);
  wait_until_held_up();
  const std::uint64_t forwarded = nic().forwarded();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(talk.there(kTcp).up.size(), 1U);
  }
  EXPECT_EQ(nic().forwarded(), forwarded + 3) << "by the rule that there is";
  expect_that_it_can_be_taken(number_of(kTcp));
}

TEST_F(HeldUpOffload, ANumberIsTakenWhileItsRulesWaitForAnothers) {
  const Flow other{.protocol = ip_protocol::kTcp, .port = 1235};
  nic().hold_after(2);
  offer(other);
  wait_until_held_up();
  offer(kTcp);
  ASSERT_EQ(offloader().connections(), 2U) << "asked for";
  expect_that_it_can_be_taken(number_of(kTcp));
}

}  // namespace
}  // namespace alkaid::test
