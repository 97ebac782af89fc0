#include "dataplane/underlay/make_tunnel.hpp"

#include "dataplane/packet/checksum.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kOuterTtl = 64;

template <class TunnelHeader>
void fill_udp_and_vxlan(const Underlay& underlay, Vni vni, TunnelHeader& header) {
  header.udp.destination_port = BigEndian16{underlay.format.vxlan_port};
  header.vxlan.flags = VxlanHeader::kVniPresent;
  header.vxlan.vni_reserved = BigEndian32{vni.number() << 8};
}

void fill(const Underlay& underlay, Ipv4Address vtep, Tunnel& tunnel) {
  tunnel.header.v4 = {};
  fill_udp_and_vxlan(underlay, tunnel.vni, tunnel.header.v4);
  Ipv4Header& ip = tunnel.header.v4.ip;
  ip.version_ihl = 0x45;
  // Never fragmented on the way, so the identification may stay zero (RFC 6864, 4.1).
  ip.flags_offset = BigEndian16{Ipv4Header::kDontFragment};
  ip.ttl = kOuterTtl;
  ip.protocol = ip_protocol::kUdp;
  ip.source = underlay.vtep_v4;
  ip.destination = vtep;
  // TOS, total length and checksum are still zero: their share is added per packet.
  tunnel.header_sum = checksum_fold(checksum_add(0, &ip, sizeof(ip)));
}

void fill(const Underlay& underlay, const IpAddress& vtep, Tunnel& tunnel) {
  tunnel.is_v6 = true;
  tunnel.header.v6 = {};
  TunnelHeaderV6& header = tunnel.header.v6;
  fill_udp_and_vxlan(underlay, tunnel.vni, header);
  header.ip.version_class_label = BigEndian32{6U << 28};
  header.ip.next_header = ip_protocol::kUdp;
  header.ip.hop_limit = kOuterTtl;
  header.ip.source = underlay.vtep_v6.bytes();
  header.ip.destination = vtep.bytes();
  // Length (once in UDP, once in the pseudo-header), source port and the packet are added later.
  std::uint64_t sum = ipv6_pseudo_header_sum(header.ip, ip_protocol::kUdp, 0);
  sum = checksum_add(sum, &header.udp, sizeof(header.udp));
  sum = checksum_add(sum, &header.vxlan, sizeof(header.vxlan));
  tunnel.header_sum = checksum_fold(sum);
}

}  // namespace

std::unique_ptr<Tunnel> make_tunnel(const Underlay& underlay, const IpAddress& vtep, Vni vni) {
  auto tunnel = std::make_unique<Tunnel>();
  tunnel->vni = vni;
  tunnel->vtep = vtep;
  if (vtep.is_v4()) {
    fill(underlay, vtep.v4(), *tunnel);
  } else {
    fill(underlay, vtep, *tunnel);
  }
  return tunnel;
}

}  // namespace alkaid
