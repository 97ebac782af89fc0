// A guest's virtio-net driver in this process: DPDK's net_virtio_user, connected to the data plane
// by a vhost-user socket as a hypervisor's device would be.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rte_mempool.h>

#include "tests/support/packet_builder.hpp"

namespace alkaid::test {

class VirtioGuest {
 public:
  struct Settings {
    std::string path;
    bool is_server = false;  // makes the socket and waits until somebody connects to it
    bool leaves_checksums = false;
    bool merges_buffers = true;
    bool packed_rings = false;
  };

  // Throws std::runtime_error if its rings can't be made ready.
  explicit VirtioGuest(const Settings& settings);
  // Disconnects.
  ~VirtioGuest();
  VirtioGuest(const VirtioGuest&) = delete;
  VirtioGuest& operator=(const VirtioGuest&) = delete;

  // False if a frame did not fit into the ring. Buffers are of 1,024 bytes: larger frames are
  // chains. leave_checksum: of UDP over IPv4 without options, whose checksum is then the sum of the
  // pseudo-header.
  bool send(const std::vector<Bytes>& frames, bool leave_checksum = false);
  std::vector<Bytes> take();
  // Whether the device offers what only a device with segmentation offload can.
  [[nodiscard]] bool is_offered_segmentation() const;

 private:
  struct PoolDeleter {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };

  std::string name_;
  std::unique_ptr<rte_mempool, PoolDeleter> pool_;
  std::uint16_t port_ = 0;
};

}  // namespace alkaid::test
