// Whose device has no carrier. The links of devices are made up (a function of DPDK that is wrapped
// by the linker).
#include <chrono>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include "tests/pipeline/pipeline_lab.hpp"

namespace alkaid::test {
namespace {

using namespace net;

std::optional<bool> has_link;  // of every device; nullopt: what DPDK says

constexpr Station kTrunkGuest{Ipv4Address{0x0a010015}, MacAddress::from_number(0x020000010015)};
const std::string kCard = "net_null_carrier";

// A card as a trunk, with a guest in one of its VLANs.
class Carrier : public ::testing::Test {
 protected:
  Carrier() {
    start_eal();
    EXPECT_EQ(rte_eal_hotplug_add("vdev", kCard.c_str(), "no-rx=1"), 0);
    has_link = false;
    auto settings = PipelineLab::default_settings();
    settings.trunks = {{.name = "trunk0",
                        .attachment = {.kind = AttachmentKind::kDevice, .device = kCard},
                        .text = "dev:" + kCard}};
    lab_.emplace(settings);
    lab_->program_network();
    auto config = PipelineLab::port_config("t-1", kGreen, kTrunkGuest);
    config.attachment = "vlan:trunk0/5";
    EXPECT_FALSE(lab_->programmer().set(config));
  }
  ~Carrier() override {
    lab_.reset();
    has_link.reset();
    EXPECT_EQ(rte_eal_hotplug_remove("vdev", kCard.c_str()), 0);
  }

  PortManager& ports() { return lab_->dataplane().ports(); }
  // Of the trunk and of its guest.
  void expect(bool no_carrier) {
    for (const std::string id : {"trunk:trunk0", "t-1"}) {
      SCOPED_TRACE(id);
      PortView view;
      for (const PortView& each : ports().views()) {
        view = each.port->id == id ? each : view;
      }
      ASSERT_NE(view.port, nullptr);
      EXPECT_EQ(view.state, PortAttachState::kAttached);
      EXPECT_EQ(view.detail, no_carrier ? "no carrier" : "");
    }
  }

  std::optional<PipelineLab> lab_;
};

TEST_F(Carrier, OfATrunkIsItsGuestsToo) {
  expect(true);
  has_link = true;
  // Cards are asked about once a second.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{3};
  while (!ports().view("t-1").detail.empty() && std::chrono::steady_clock::now() < end) {
    ports().tick();
  }
  expect(false);
}

}  // namespace
}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

int __real_rte_eth_link_get_nowait(std::uint16_t ethdev, rte_eth_link* link);

int __wrap_rte_eth_link_get_nowait(std::uint16_t ethdev, rte_eth_link* link) {
  const int result = __real_rte_eth_link_get_nowait(ethdev, link);
  if (alkaid::test::has_link) {
    link->link_status = *alkaid::test::has_link ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
  }
  return result;
}
}
