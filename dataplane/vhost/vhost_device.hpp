// A guest's virtio-net device that we serve through librte_vhost. Design: docs/design/vhost.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <rte_mbuf.h>

#include "dataplane/rcu/quiescence.hpp"

namespace alkaid {

class VhostLink;

// Opened and closed by the control thread; no worker may use it any more when it is destroyed.
class VhostDevice {
 public:
  // path: of the socket. is_server: we make it and the hypervisor connects to it; else the
  // hypervisor makes it and we connect, again and again until it is there. nullptr with a text if
  // that can't be.
  static std::unique_ptr<VhostDevice> open(const std::string& path, bool is_server,
                                           rte_mempool* pool, QuiescenceDomain& quiescence,
                                           std::string& error);
  // Any worker; nullptr if there is none of that number (vhost_numbers.hpp).
  static VhostDevice* find(std::uint16_t number);
  ~VhostDevice();
  VhostDevice(const VhostDevice&) = delete;
  VhostDevice& operator=(const VhostDevice&) = delete;

  // ---- any thread
  [[nodiscard]] std::uint16_t number() const { return number_; }
  // A hypervisor is connected and its guest's driver has made the rings ready.
  [[nodiscard]] bool is_connected() const;

  // ---- the worker to which the port belongs
  // Takes up to `count` frames from the guest. Large ones are chains of buffers; what the guest
  // left to its device is still to be done: RTE_MBUF_F_RX_L4_CKSUM_NONE, the checksum;
  // RTE_MBUF_F_RX_LRO, segments of tso_segsz bytes of payload.
  std::uint16_t receive(rte_mbuf** packets, std::uint16_t count);
  // Copies frames to the guest. Returns how many fitted; these are freed, the others stay the
  // caller's.
  std::uint16_t send(rte_mbuf** packets, std::uint16_t count);

 private:
  VhostDevice(std::string path, rte_mempool* pool, std::shared_ptr<VhostLink> link);
  bool start(bool is_server, std::string& error);
  bool take_number();

  const std::string path_;
  rte_mempool* const pool_;
  const std::shared_ptr<VhostLink> link_;
  std::uint16_t number_ = UINT16_MAX;
  bool is_registered_ = false;
};

}  // namespace alkaid
