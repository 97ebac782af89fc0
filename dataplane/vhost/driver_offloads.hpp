// What a guest's virtio driver does of what another guest left to its own device
// (left_to_device.hpp); virtio 1.2, 5.1.3.
#pragma once

#include <cstdint>

namespace alkaid {

struct DriverOffloads {
  bool checksums = false;  // VIRTIO_NET_F_GUEST_CSUM
  bool large_v4 = false;   // VIRTIO_NET_F_GUEST_TSO4, and checksums
  bool large_v6 = false;   // VIRTIO_NET_F_GUEST_TSO6, and checksums
  // VIRTIO_NET_F_MRG_RXBUF: a packet takes as many of its buffers as it needs.
  bool merges_buffers = false;
};

// Any worker; nothing if there is no virtio device of that number (vhost_numbers.hpp) or no guest
// drives it. When the packet is sent it may be less.
DriverOffloads driver_offloads(std::uint16_t number);

}  // namespace alkaid
