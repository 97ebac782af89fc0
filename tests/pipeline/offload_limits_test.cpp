// What the offload thread may have to do at most, and what cards tell of themselves.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "tests/pipeline/threaded_offload.hpp"

namespace alkaid::test {
namespace {

using std::chrono::milliseconds;

// The driver takes its time when it is told to.
class BusyOffload : public ThreadedOffload {
 protected:
  static constexpr std::uint16_t kFlows = 400;
  static constexpr std::size_t kMost = 256;  // of each kind of request

  ~BusyOffload() override {
    nic().set_delay(milliseconds{0});
    nic().set_query_delay(milliseconds{0});
  }

  // One packet of each flow.
  void talk_of_all() {
    constexpr std::uint16_t kAtOnce = 100;
    for (std::uint16_t first = 0; first < kFlows; first += kAtOnce) {
      Frames frames;
      for (std::uint16_t i = 0; i < kAtOnce; ++i) {
        frames.push_back(
            frame_of({.port = static_cast<std::uint16_t>(3000 + first + i)}, false, {}));
      }
      lab.enqueue("green-1", frames);
      lab.walk();
      lab.take("up");
    }
  }
  void install_all() {
    wait_for_ports();
    talk_of_all();
    ASSERT_TRUE(comes_true([this] { return offloader().counts().installed == kFlows; }));
    ASSERT_EQ(nic().rules(), 2U * kFlows);
  }
  // Without waiting for the offload thread.
  void let_pass_briefly(std::uint32_t time) {
    lab.dataplane().flows().clock.advance(time);
    nic().let_pass(milliseconds{time});
    for (int i = 0; i < 5; ++i) {
      lab.walk();
    }
  }
};

TEST_F(BusyOffload, InstallationsWait) {
  wait_for_ports();
  nic().set_delay(milliseconds{50});
  talk_of_all();
  for (int i = 0; i < 5; ++i) {
    lab.walk();
  }
  const std::size_t installing = offloader().connections() - offloader().counts().installed;
  EXPECT_LE(installing, kMost);
  EXPECT_GE(installing, kMost / 2);
  nic().set_delay(milliseconds{0});
  EXPECT_TRUE(comes_true([this] { return offloader().counts().installed == kFlows; }));
}

// What is asked each second without being done is not asked again.
TEST_F(BusyOffload, ReadingsWait) {
  install_all();
  const std::size_t before = nic().queries();
  nic().set_query_delay(milliseconds{300});
  for (int second = 0; second < 5; ++second) {
    let_pass_briefly(1001);
  }
  nic().set_query_delay(milliseconds{0});
  // Those that had to wait come behind; each connection has two rules.
  EXPECT_TRUE(comes_true([&] { return nic().queries() - before >= 2 * kFlows; }));
  for (int i = 0; i < 100; ++i) {
    lab.walk();
    std::this_thread::sleep_for(milliseconds{1});
  }
  EXPECT_LE(nic().queries() - before, 2 * (kFlows + kMost));
  EXPECT_EQ(offloader().connections(), kFlows);
}

TEST_F(BusyOffload, RemovalsByAgeWait) {
  install_all();
  lab.dataplane().flows().clock.advance(11000);
  nic().let_pass(milliseconds{11000});
  nic().set_delay(milliseconds{20});
  // Of withdrawn ones those that are not removed yet.
  const auto removing = [this] {
    return ends(OffloadEnd::idle) - (kFlows - offloader().connections());
  };
  std::size_t most = 0;
  const auto deadline = std::chrono::steady_clock::now() + milliseconds{200};
  while (std::chrono::steady_clock::now() < deadline) {
    lab.walk();
    most = std::max<std::size_t>(most, removing());
  }
  EXPECT_LE(most, kMost);
  EXPECT_GE(most, kMost / 2);
  nic().set_delay(milliseconds{0});
  EXPECT_TRUE(comes_true([&] {
    let_pass_briefly(100);
    return offloader().connections() == 0;
  }));
  EXPECT_EQ(nic().rules(), 0U);
}

// What the card says comes half a second before the next reading.
TEST_F(Offload, WhatTheCardSaysHasAgedIsReadAtOnce) {
  constexpr std::uint32_t kStep = 540;
  constexpr std::uint32_t kSteps = 22;
  const Flow flow{.port = 4321};
  talk.establish(kTcp);
  let_pass(kStep);
  talk.there(flow);
  talk.back(flow);
  const auto is_in_hardware = [&] {
    const auto all = connections();
    return std::any_of(all.begin(), all.end(), [&](const auto& connection) {
      return connection.offloaded && connection.directions[0].source_port == flow.port;
    });
  };
  let_pass(kStep);  // it is asked what has aged
  talk.there(flow);
  let_pass(kStep);  // the flow is read, and has had a packet
  for (std::uint32_t step = 3; step < kSteps - 1; ++step) {
    let_pass(kStep);
  }
  EXPECT_TRUE(is_in_hardware()) << "9.7 seconds after the last packet";
  let_pass(kStep);
  EXPECT_FALSE(is_in_hardware());
  EXPECT_EQ(connections().size(), 2U);
}

}  // namespace
}  // namespace alkaid::test
