#include "tests/pipeline/made_up_device.hpp"

extern "C" {

int __real_rte_eth_dev_info_get(std::uint16_t ethdev, rte_eth_dev_info* info);
int __real_rte_eth_dev_configure(std::uint16_t ethdev, std::uint16_t receive_queues,
                                 std::uint16_t transmit_queues, const rte_eth_conf* configuration);

int __wrap_rte_eth_dev_info_get(std::uint16_t ethdev, rte_eth_dev_info* info) {
  const int result = __real_rte_eth_dev_info_get(ethdev, info);
  const auto& device = alkaid::test::made_up_device;
  info->flow_type_rss_offloads = device.rss_fields.value_or(info->flow_type_rss_offloads);
  info->tx_offload_capa |= device.transmit_offloads;
  info->tx_desc_lim.nb_seg_max = device.most_buffers.value_or(info->tx_desc_lim.nb_seg_max);
  return result;
}

// The device itself, which offers no such thing, would refuse.
int __wrap_rte_eth_dev_configure(std::uint16_t ethdev, std::uint16_t receive_queues,
                                 std::uint16_t transmit_queues, const rte_eth_conf* configuration) {
  const auto& device = alkaid::test::made_up_device;
  alkaid::test::configurations[ethdev] = *configuration;
  rte_eth_conf plain = *configuration;
  if (device.rss_fields) {
    plain.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    plain.rx_adv_conf.rss_conf = {};
  }
  plain.txmode.offloads &= ~device.transmit_offloads;
  return __real_rte_eth_dev_configure(ethdev, receive_queues, transmit_queues, &plain);
}
}
