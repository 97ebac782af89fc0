// A guest's virtio-net driver in this process: DPDK's net_virtio_user, connected to the data plane
// by a vhost-user socket as a hypervisor's device would be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rte_mempool.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

// What a frame's sender leaves to the device; all of Ethernet with IPv4 or IPv6 without options.
struct LeftToDevice {
  bool udp_checksum = false;       // the field has the sum of the pseudo-header
  std::uint16_t segment_size = 0;  // TCP payload of a segment; TCP's header has 20 bytes
};

// A frame, and what of it is left to its receiver.
struct TakenFrame {
  Bytes frame;
  bool is_checksum_left = false;
  std::uint16_t segment_size = 0;
};

class VirtioGuest {
 public:
  struct Settings {
    std::string path;
    bool is_server = false;    // makes the socket and waits until somebody connects to it
    bool leaves_work = false;  // checksums and segments, to the device
    // What the driver does of what another guest has left to its device.
    bool takes_checksums = false;
    bool takes_large = false;  // and checksums
    bool merges_buffers = true;
    bool packed_rings = false;
    std::uint16_t queues = 1;  // pairs of rings
  };

  // Throws std::runtime_error if its rings can't be made ready.
  explicit VirtioGuest(const Settings& settings);
  // Disconnects.
  ~VirtioGuest();
  VirtioGuest(const VirtioGuest&) = delete;
  VirtioGuest& operator=(const VirtioGuest&) = delete;

  // False if a frame did not fit into the ring. Buffers are of 2,048 bytes: larger frames are
  // chains.
  bool send(const std::vector<Bytes>& frames, const LeftToDevice& left = {},
            std::uint16_t queue = 0);
  // What came by all queues, or one of them, since the last call.
  std::vector<Bytes> take();
  std::vector<Bytes> take(std::uint16_t queue);
  // The same of the first queue, with what is said of the frames.
  std::vector<TakenFrame> take_marked();
  // Whether the device takes frames larger than the MTU, and gives such.
  [[nodiscard]] bool may_send_large() const;
  [[nodiscard]] bool may_receive_large() const;

 private:
  struct PoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };

  std::string name_;
  std::unique_ptr<rte_mempool, PoolDeleter> pool_;
  std::uint16_t port_ = 0;
  std::uint16_t queues_;
};

}  // namespace alkaid::test
