// Tunnels and underlay next hops: the prepared outer headers of a packet to another host, in two
// parts that change for different reasons (blueprint of the headers: docs/design/publication.md).
#pragma once

#include <atomic>
#include <cstdint>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/packet/headers.hpp"

namespace alkaid {

// Where a packet goes on the underlay's link. `ethernet` is replaced as a whole when the address is
// resolved, moves or is lost; nullptr: not resolved. Lives until no tunnel refers to it any more.
struct UnderlayNextHop {
  std::atomic<const EthernetHeader*> ethernet{nullptr};
};

// IPv4 + UDP + VXLAN of one (VTEP, VNI), complete but for lengths, checksum, entropy, TOS.
struct TunnelHeaderV4 {
  Ipv4Header ip;
  UdpHeader udp;
  VxlanHeader vxlan;
};
static_assert(sizeof(TunnelHeaderV4) == 36);

// Stable address while a neighbor refers to it; immutable but for what next_hop publishes.
struct Tunnel {
  TunnelHeaderV4 header;
  // Sum of the IPv4 header's constant words, so that the checksum needs only the varying ones.
  std::uint32_t header_sum = 0;
  const UnderlayNextHop* next_hop = nullptr;
  Vni vni;
  IpAddress vtep;
};

// Bytes that encapsulation puts in front of a guest's frame (IPv4 underlay, untagged).
inline constexpr std::uint16_t kEncapsulationV4 = sizeof(EthernetHeader) + sizeof(TunnelHeaderV4);
static_assert(kEncapsulationV4 == 50);

// Bytes of a guest's IP packet lost to the underlay's MTU. The same number by chance: it has the
// inner Ethernet header where the other has the outer one.
inline constexpr std::uint16_t kMtuOverheadV4 = sizeof(EthernetHeader) + sizeof(TunnelHeaderV4);

}  // namespace alkaid
