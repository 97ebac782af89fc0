// The lab's network with a virtual machine.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "dataplane/vhost/vhost_poll_set.hpp"
#include "tests/pipeline/pipeline_lab.hpp"
#include "tests/pipeline/virtio_guest.hpp"

namespace alkaid::test {

inline constexpr net::Station kMachine{Ipv4Address{0x0a01001f},
                                       MacAddress::from_number(0x02000001001f)};

// The lab's network and a machine "vm-1" in its green subnet.
class VhostLab {
 public:
  // vtep: of the other host.
  explicit VhostLab(const std::string& kind = "vhost-user-server",
                    const DataplaneSettings& settings = PipelineLab::default_settings(),
                    const IpAddress& vtep = IpAddress{net::kPeerVtep})
      : kind_(kind) {
    std::string pattern = std::filesystem::temp_directory_path() / "alkaid-vhost-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    lab.emplace(settings);
    lab->program_network(vtep);
    EXPECT_FALSE(lab->programmer().set(port()));
  }
  ~VhostLab() {
    guest.reset();
    lab.reset();
    std::filesystem::remove_all(directory_);
  }
  VhostLab(const VhostLab&) = delete;
  VhostLab& operator=(const VhostLab&) = delete;

  [[nodiscard]] std::string path() const { return directory_ + "/vm-1.sock"; }
  [[nodiscard]] PortConfig port(const std::string& id = "vm-1") const {
    auto config = PipelineLab::port_config(id, net::kGreen, kMachine);
    config.attachment = kind_ + ":" + path();
    return config;
  }
  void connect(VirtioGuest::Settings settings = {}) {
    settings.path = path();
    settings.is_server = kind_ == "vhost-user";
    guest.emplace(settings);
    wait_for(PortAttachState::kAttached);
  }
  [[nodiscard]] PortView view(const std::string& id = "vm-1") {
    return lab->dataplane().ports().view(id);
  }
  void wait_for(PortAttachState state, const std::string& id = "vm-1") {
    wait_until([&] {
      lab->walk();
      return view(id).state == state;
    });
  }
  static void wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }
  // Tenants' frames that left by the uplink.
  std::vector<Bytes> take_from_wire() {
    std::vector<Bytes> frames = lab->take("up");
    for (Bytes& frame : frames) {
      frame.erase(frame.begin(), frame.begin() + 50);
    }
    return frames;
  }
  // Walks often enough for rings that are idle by now.
  void walk() {
    for (std::size_t i = 0; i < VhostPollSet::kIdleWalks + 1; ++i) {
      lab->walk();
    }
  }

  std::optional<PipelineLab> lab;
  std::optional<VirtioGuest> guest;

 private:
  const std::string kind_;
  std::string directory_;
};

}  // namespace alkaid::test
