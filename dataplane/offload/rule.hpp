// One direction of a connection as the switch inside a NIC forwards it: plain values, which stay
// true whatever happens to the tables that they were read from.
#pragma once

#include <cstdint>
#include <type_traits>

#include "control/common/net/ip_address.hpp"
#include "control/common/net/mac_address.hpp"
#include "dataplane/packet/headers.hpp"
#include "dataplane/underlay/tunnel.hpp"

namespace alkaid {

// Matches whatever the congestion marks are.
inline constexpr std::uint8_t kAnyEcn = 0xff;

// Devices are ethdev numbers and stand for who is behind them: of a representor the guest.
struct OffloadRule {
  enum class Kind : std::uint8_t {
    kForward,
    // Packets that must not be forwarded by hardware because they have no hop left go to the data
    // plane, whatever they belong to. Only devices, family and tunnel count.
    kHopGuard,
  };

  Kind kind = Kind::kForward;
  std::uint16_t proxy = 0;  // through which the switch's rules are managed
  std::uint16_t ingress = 0;
  std::uint16_t egress = 0;
  bool is_v6 = false;
  bool from_wire = false;                     // inside VXLAN, which is taken off
  bool into_tunnel = false;                   // VXLAN is put on
  std::uint8_t protocol = ip_protocol::kUdp;  // or TCP, of which SYN, FIN and RST don't match
  std::uint8_t ecn = kAnyEcn;                 // of the tenant's packet
  // As received.
  MacAddress destination_mac;
  MacAddress source_mac;
  IpAddress source;
  IpAddress destination;
  std::uint32_t ports = 0;  // as they lie in the packet

  // Of what comes in a tunnel.
  MacAddress uplink_mac;
  Ipv4Address vtep;
  BigEndian16 vxlan_port;
  std::uint32_t vni = 0;
  std::uint8_t outer_ecn = kAnyEcn;

  bool write_destination = false;
  bool write_source = false;
  bool take_hop = false;
  MacAddress new_destination;
  MacAddress new_source;
  // Of what goes into a tunnel: complete but for lengths and checksums, which the NIC fills in.
  EthernetHeader link{};
  TunnelHeaderV4 tunnel{};

  // Rules that match the same and do the same have the same one. Keyed, new with every process.
  [[nodiscard]] std::uint64_t digest() const;
};
static_assert(std::is_trivially_copyable_v<OffloadRule>);

// Outer headers of a tunnel over IPv4, without a VLAN tag.
inline constexpr std::uint32_t kOffloadOverhead = sizeof(EthernetHeader) + sizeof(TunnelHeaderV4);

}  // namespace alkaid
