// What a card does of cutting large TCP packets that are in VXLAN already (TSO of tunneled
// packets).
#pragma once

#include <cstdint>

struct rte_eth_dev_info;

namespace alkaid {

struct TunnelSegmentation {
  bool over_v4 = false;
  bool over_v6 = false;  // leaving the outer UDP checksum zero
  bool over_v6_with_checksum = false;
  std::uint16_t most_buffers = 0;  // of a packet

  [[nodiscard]] bool is_any() const { return over_v4 || over_v6; }
};

// Of a device that offers this: nothing unless it computes every checksum that differs between
// segments. Any thread.
TunnelSegmentation tunnel_segmentation(const rte_eth_dev_info& offered);

// Transmit offloads to ask for where there is something; a part of what is offered. Any thread.
std::uint64_t tunnel_segmentation_offloads(std::uint64_t offered);

}  // namespace alkaid
