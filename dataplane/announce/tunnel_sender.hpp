// Frames that the control thread originates in a segment, to all other hosts that are in it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "control/common/net/vni.hpp"
#include "dataplane/ports/port.hpp"
#include "dataplane/underlay/tunnel_table.hpp"
#include "dataplane/underlay/underlay.hpp"
#include "dataplane/worker/worker.hpp"

namespace alkaid {

// Control thread only. What it is given outlives it.
class TunnelSender {
 public:
  TunnelSender(rte_mempool* pool, const std::vector<std::unique_ptr<Worker>>& workers,
               const PortTable& ports, const Underlay& underlay, const TunnelTable& tunnels)
      : pool_(pool), workers_(workers), ports_(ports), underlay_(underlay), tunnels_(tunnels) {}

  // Sends a copy of a whole Ethernet frame into every tunnel of the VNI whose next hop is resolved;
  // returns how many were sent. Small frames only: one that doesn't fit the underlay is not sent.
  unsigned send(Vni vni, std::span<const std::uint8_t> frame) const;

 private:
  // False if there is no buffer, no next hop or no room.
  bool send_into(const Tunnel& tunnel, const Port& uplink,
                 std::span<const std::uint8_t> frame) const;

  rte_mempool* const pool_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  const PortTable& ports_;
  const Underlay& underlay_;
  const TunnelTable& tunnels_;
};

}  // namespace alkaid
