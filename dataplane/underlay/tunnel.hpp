// Tunnels: the prepared outer headers of a packet to another host. What the underlay's link needs
// changes for other reasons and is kept apart (link_choice.hpp). Design: docs/design/underlay.md.
#pragma once

#include <cstdint>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/vni.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/underlay/link_choice.hpp"

namespace alkaid {

// IP + UDP + VXLAN of one (VTEP, VNI), complete but for lengths, checksums, entropy, TOS.
struct TunnelHeaderV4 {
  Ipv4Header ip;
  UdpHeader udp;
  VxlanHeader vxlan;
};
static_assert(sizeof(TunnelHeaderV4) == 36);

struct TunnelHeaderV6 {
  Ipv6Header ip;
  UdpHeader udp;
  VxlanHeader vxlan;
};
static_assert(sizeof(TunnelHeaderV6) == 56);

// Stable address while a neighbor refers to it; immutable but for what `path` publishes. An IPv4
// tunnel's hot part is one cache line.
struct alignas(64) Tunnel {
  const UnderlayPath* path = nullptr;
  // What the constant words add to the checksum that is computed per packet: IPv4's header
  // checksum, IPv6's UDP checksum with its pseudo-header.
  std::uint32_t header_sum = 0;
  bool is_v6 = false;
  union {
    TunnelHeaderV4 v4;
    TunnelHeaderV6 v6;
  } header{.v6 = {}};
  Vni vni;
  IpAddress vtep;

  // Bytes of a guest's IP packet lost to the underlay's MTU: outer IP, UDP, VXLAN and the inner
  // Ethernet header.
  [[nodiscard]] std::uint16_t mtu_overhead() const;
};

inline constexpr std::uint16_t kMtuOverheadV4 = sizeof(TunnelHeaderV4) + sizeof(EthernetHeader);
inline constexpr std::uint16_t kMtuOverheadV6 = sizeof(TunnelHeaderV6) + sizeof(EthernetHeader);
static_assert(kMtuOverheadV4 == 50 && kMtuOverheadV6 == 70);

inline std::uint16_t Tunnel::mtu_overhead() const {
  return is_v6 ? kMtuOverheadV6 : kMtuOverheadV4;
}

}  // namespace alkaid
