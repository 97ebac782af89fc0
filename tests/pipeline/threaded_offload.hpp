// Drivers that are talked to by a thread of their own, as in a data plane that serves.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>

#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {

class ThreadedOffload : public Offload {
 protected:
  explicit ThreadedOffload(const OffloadSettings& settings =
                               {.after_packets = 0, .longest_wait = std::chrono::seconds{10}})
      : Offload(offload_settings(settings)) {
    offloader().allow_thread();
    // What is left undone is not another test's.
    offloader().set_on(false);
    offloader().set_on(true);
  }
  ~ThreadedOffload() override { EXPECT_EQ(nic().stray_calls(), 0U); }

  template <class Condition>
  [[nodiscard]] bool comes_true(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      lab.walk();
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return condition();
  }
  // Drivers have said what they can do.
  void wait_for_ports() {
    ASSERT_TRUE(comes_true([this] {
      const auto views = offloader().port_views();
      return std::all_of(views.begin(), views.end(),
                         [](const auto& view) { return view.is_hardware; });
    }));
  }
  void establish(const Flow& flow) {
    wait_for_ports();
    const std::size_t before = offloader().connections();
    talk.establish(flow);
    ASSERT_TRUE(comes_true([&] {
      talk.there(flow);
      talk.back(flow);
      return offloader().connections() > before && nic().rules() == 4 * (before + 1);
    }));
    lab.walk();
  }
};

}  // namespace alkaid::test
