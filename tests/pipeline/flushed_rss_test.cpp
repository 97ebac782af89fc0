// Rules that share an uplink's packets out among its queues, on a card whose rules offload has to
// flush.
#include <cerrno>
#include <cstdint>

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "dataplane/offload/offloader.hpp"
#include "tests/pipeline/offload_lab.hpp"

namespace alkaid::test {
namespace {

DataplaneSettings with_two_workers() {
  auto settings = PipelineLab::default_settings();
  settings.worker_lcores = {0, 1};
  return settings;
}

TEST(FlushedRss, RulesOfTheUplinkAreMadeAgain) {
  PluggedNic plugged;
  SoftwareNic& nic = PluggedNic::nic();
  if (SoftwareNic::wants_templates()) {
    GTEST_SKIP() << "such a card takes no rule one by one";
  }
  nic.offer_rss(RTE_ETH_RSS_IPV4);
  PipelineLab lab(with_two_workers(), LabQueues{.receive = 2});
  lab.program_network();
  const std::uint16_t uplink = lab.dataplane().ports().views().front().port->device.ethdev;
  EXPECT_EQ(nic.sharing_rules(uplink), 2U) << "over IPv4 and IPv6";
  ASSERT_EQ(nic.proxy_of(uplink), uplink) << "its rules are among those that are flushed";
  Conversation(lab).establish(kUdp);
  EXPECT_GT(nic.rules(), 0U);
  nic.refuse_removals(EBUSY);
  ASSERT_FALSE(lab.programmer().set(
      PipelineLab::neighbor_config(net::kGreen, net::kGreen2, IpAddress{kOtherVtep})));
  lab.dataplane().publish_changes();
  EXPECT_EQ(nic.all_rules(), 0U) << "one could not be removed, so all were";
  EXPECT_EQ(nic.sharing_rules(uplink), 2U);
}

}  // namespace
}  // namespace alkaid::test

// In place of the library's, for the whole program: linked with --wrap.
extern "C" {

int __real_rte_eth_dev_configure(std::uint16_t ethdev, std::uint16_t receive_queues,
                                 std::uint16_t transmit_queues, const rte_eth_conf* configuration);

// The device behind the card, which hashes nothing, would refuse.
int __wrap_rte_eth_dev_configure(std::uint16_t ethdev, std::uint16_t receive_queues,
                                 std::uint16_t transmit_queues, const rte_eth_conf* configuration) {
  rte_eth_conf plain = *configuration;
  plain.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
  plain.rx_adv_conf.rss_conf = {};
  return __real_rte_eth_dev_configure(ethdev, receive_queues, transmit_queues, &plain);
}
}
