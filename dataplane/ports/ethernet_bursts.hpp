// Bursts from and to a device by its number: one of DPDK's, or one by AF_XDP. Workers.
#pragma once

#include <cstdint>

#include <rte_ethdev.h>

#include "dataplane/xdp/xdp_device.hpp"

namespace alkaid {

// queue: one of the device's receive queues, of which the worker is the only reader.
inline std::uint16_t receive_burst(std::uint16_t number, std::uint16_t queue, rte_mbuf** packets,
                                   std::uint16_t count) {
  if (is_xdp(number)) [[unlikely]] {
    XdpDevice* device = XdpDevice::find(number);
    return device != nullptr ? device->receive(queue, packets, count) : std::uint16_t{0};
  }
  return rte_eth_rx_burst(number, queue, packets, count);
}

// queue: a transmit queue. Returns how many were taken; the others stay the caller's.
inline std::uint16_t send_burst(std::uint16_t number, std::uint16_t queue, rte_mbuf** packets,
                                std::uint16_t count) {
  if (is_xdp(number)) [[unlikely]] {
    XdpDevice* device = XdpDevice::find(number);
    return device != nullptr ? device->send(queue, packets, count) : std::uint16_t{0};
  }
  return rte_eth_tx_burst(number, queue, packets, count);
}

}  // namespace alkaid
