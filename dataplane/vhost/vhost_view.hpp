// What a guest by vhost-user is like at present, for showing.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/vhost/driver_offloads.hpp"

namespace alkaid {

struct VhostView {
  bool is_connected = false;
  // By which the guest receives and sends; none unless it is connected.
  std::uint16_t rings_to_guest = 0;
  std::uint16_t rings_from_guest = 0;
  DriverOffloads offloads;
};

// The control thread; nullopt if there is no virtio device of that number (vhost_numbers.hpp).
std::optional<VhostView> view_vhost(std::uint16_t number);

}  // namespace alkaid
