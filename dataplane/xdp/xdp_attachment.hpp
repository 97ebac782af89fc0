// How a device is attached by AF_XDP.
#pragma once

#include <cstdint>

#include "control/common/net/ip_address.hpp"

namespace alkaid {

// Where the kernel runs our program: in the driver if that can, else behind it; or one of them.
enum class XdpMode { kAutomatic, kNative, kGeneric };

// What of an uplink that is shared with the host's kernel belongs to the data plane: VXLAN
// to our tunnel endpoints, and ARP and neighbor discovery about them.
struct UplinkFilter {
  // Zero and unset where we have none of the family.
  Ipv4Address vtep_v4;
  IpAddress vtep_v6;
  std::uint16_t vxlan_port = 0;
  std::uint16_t vlan = 0;  // of all our frames; 0: no tag
};

}  // namespace alkaid
