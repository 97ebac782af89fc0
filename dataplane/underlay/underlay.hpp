// The underlay as workers see it: our address on it, and where its packets leave.
#pragma once

#include <atomic>
#include <cstdint>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// Fixed at start, but for the uplink's port, which comes and goes with its device.
struct Underlay {
  IpPrefix vtep;  // our tunnel endpoint and its link's prefix
  Ipv4Address vtep_v4;
  std::uint16_t vxlan_port = 4789;

  // kNoPort while no uplink is attached.
  std::atomic<PortIndex> uplink{kNoPort};
};

// What an ARP packet on the underlay said: `address` is at `mac`. 16 bytes, passed through a ring
// from workers to the control thread.
struct UnderlayObservation {
  Ipv4Address address;
  MacAddress mac;
  std::uint8_t reserved[6] = {};
};
static_assert(sizeof(UnderlayObservation) == 16);

}  // namespace alkaid
