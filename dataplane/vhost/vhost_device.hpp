// A guest's virtio-net device that we serve through librte_vhost. Design: docs/design/vhost.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "dataplane/rcu/quiescence.hpp"

namespace alkaid {

class VhostLink;

// Opened and closed by the control thread; no worker may use it any more when it is destroyed.
class VhostDevice {
 public:
  // A guest may have up to 128 pairs of rings.
  struct Sharing {
    std::uint16_t workers = 1;         // that may send
    std::uint16_t receive_queues = 1;  // into how many its rings are divided, at most
  };
  struct Sent {
    std::uint16_t packets = 0;
    std::uint64_t bytes = 0;
  };

  // path: of the socket. is_server: we make it and the hypervisor connects to it; else the
  // hypervisor makes it and we connect, again and again until it is there. nullptr with a text if
  // that can't be.
  static std::unique_ptr<VhostDevice> open(const std::string& path, bool is_server,
                                           const Sharing& sharing, rte_mempool* pool,
                                           QuiescenceDomain& quiescence, std::string& error);
  // Any worker; nullptr if there is none of that number (vhost_numbers.hpp).
  static VhostDevice* find(std::uint16_t number);
  ~VhostDevice();
  VhostDevice(const VhostDevice&) = delete;
  VhostDevice& operator=(const VhostDevice&) = delete;

  // ---- any thread
  [[nodiscard]] std::uint16_t number() const { return number_; }
  // A hypervisor is connected and its guest's driver has made the rings ready.
  [[nodiscard]] bool is_connected() const;
  // Receive queues that have rings now: each has one of the rings by which the guest sends, or
  // several if the guest has more than Sharing::receive_queues.
  [[nodiscard]] std::uint16_t receive_queues() const;
  // The guest receives by several rings: any worker may send.
  [[nodiscard]] bool takes_from_all() const;

  // ---- the worker that polls the queue
  // Takes up to `count` frames from the guest. Large ones are chains of buffers; what the guest
  // left to its device is still to be done: RTE_MBUF_F_RX_L4_CKSUM_NONE, the checksum;
  // RTE_MBUF_F_RX_LRO, segments of tso_segsz bytes of payload.
  std::uint16_t receive(std::uint16_t queue, rte_mbuf** packets, std::uint16_t count);

  // ---- the worker to which the port belongs; any one while takes_from_all()
  // Copies frames to the guest; at most kMostSent. Where it has as many rings as there are workers,
  // each ring is one worker's, and flows are spread over a worker's rings; else workers share
  // rings, with librte_vhost's own lock. Those that fitted are freed; the others stay the caller's,
  // behind them in `packets`.
  Sent send(unsigned worker, rte_mbuf** packets, std::uint16_t count);
  static constexpr std::uint16_t kMostSent = 256;

 private:
  VhostDevice(std::string path, const Sharing& sharing, rte_mempool* pool,
              std::shared_ptr<VhostLink> link);
  bool start(bool is_server, std::string& error);
  bool take_number();

  const std::string path_;
  const Sharing sharing_;
  rte_mempool* const pool_;
  const std::shared_ptr<VhostLink> link_;
  // By receive queue, its worker's: which of its rings is looked at first, where it has several.
  std::vector<std::uint16_t> next_rings_;
  std::uint16_t number_ = UINT16_MAX;
  bool is_registered_ = false;
};

}  // namespace alkaid
