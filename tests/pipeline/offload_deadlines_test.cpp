// Nobody waits for a driver longer than it was said.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "tests/pipeline/policy_network.hpp"
#include "tests/pipeline/threaded_offload.hpp"

namespace alkaid::test {
namespace {

using namespace net;

class ImpatientOffload : public ThreadedOffload {
 protected:
  static constexpr std::chrono::milliseconds kWait{60};

  ImpatientOffload() : ThreadedOffload({.after_packets = 0, .longest_wait = kWait}) {}
  ~ImpatientOffload() override {
    nic().set_delay(std::chrono::milliseconds{0});
    std::this_thread::sleep_for(kSlow);  // until what was begun has been done
  }
  static std::chrono::milliseconds time(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin);
  }

  static constexpr std::chrono::milliseconds kSlow{400};
};

TEST_F(ImpatientOffload, WhatIsLateIsCountedOnceAndNotWaitedForAgain) {
  establish(kUdp);
  nic().set_delay(kSlow);
  EXPECT_LT(time([this] { move_neighbor(); }), kSlow);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  EXPECT_EQ(nic().rules(), 4U) << "it is late indeed";
  const auto again = time([this] {
    offloader().policy_changed(port("green-1").index);
    answer();
  });
  EXPECT_LT(again, kWait);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
  nic().set_delay(std::chrono::milliseconds{0});
  offloader().set_on(false);
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
}

// One wait for all that one call has changed.
TEST_F(ImpatientOffload, AChangeOfManyPortsWaitsOnce) {
  establish(kUdp);
  nic().set_delay(kSlow);
  const auto passed = time([this] {
    for (const std::string id : {"green-1", "green-3", "red-1"}) {
      enforce(lab, id, {"out"});
    }
    const IpAddress vtep{kOtherVtep};
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kGreen, kGreen2, vtep)));
    EXPECT_FALSE(lab.programmer().set(PipelineLab::neighbor_config(kRed, kRed2, vtep)));
    answer();
  });
  EXPECT_LT(passed, 2 * kWait);
  EXPECT_EQ(offloader().counts().late_removals, 1U);
}

TEST_F(ImpatientOffload, ADeviceIsClosedWhenNobodyUsesIt) {
  nic().let_ports_manage_themselves();
  offloader().set_on(false);
  offloader().set_on(true);
  establish(kUdp);
  const std::uint16_t device = port("green-1").device.ethdev;
  nic().set_delay(kSlow);
  const auto passed = time([this] { lab.programmer().remove_port("green-1"); });
  EXPECT_LT(passed, kSlow);
  EXPECT_TRUE(rte_eth_dev_is_valid_port(device)) << "the driver is in a call";
  EXPECT_TRUE(comes_true([&] { return rte_eth_dev_is_valid_port(device) == 0; }));
  nic().set_delay(std::chrono::milliseconds{0});
  EXPECT_TRUE(comes_true([this] { return offloader().connections() == 0; }));
  EXPECT_EQ(nic().rules(), 0U);
}

TEST_F(ImpatientOffload, TheEndDoesNotWaitForADriverThatHangs) {
  establish(kUdp);
  nic().set_delay(kSlow);
  EXPECT_LT(time([this] { offloader().shut_down(); }), kSlow);
}

}  // namespace
}  // namespace alkaid::test
