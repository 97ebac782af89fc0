#include "dataplane/underlay/tunnel_table.hpp"

#include <fmt/format.h>

#include "dataplane/packet/checksum.hpp"

namespace alkaid {
namespace {

constexpr std::uint8_t kOuterTtl = 64;

}  // namespace

TunnelTable::TunnelTable(const Underlay& underlay, std::optional<Ipv4Address> gateway,
                         NextHopTable& next_hops, QuiescenceDomain& quiescence)
    : underlay_(underlay), gateway_(gateway), next_hops_(next_hops), quiescence_(quiescence) {}

TunnelTable::~TunnelTable() {
  quiescence_.drain();
}

std::unique_ptr<Tunnel> TunnelTable::make(Ipv4Address vtep, Vni vni) const {
  auto tunnel = std::make_unique<Tunnel>();
  Ipv4Header& ip = tunnel->header.ip;
  ip.version_ihl = 0x45;
  // Never fragmented on the way, so the identification may stay zero (RFC 6864, 4.1).
  ip.flags_offset = BigEndian16{Ipv4Header::kDontFragment};
  ip.ttl = kOuterTtl;
  ip.protocol = ip_protocol::kUdp;
  ip.source = underlay_.vtep_v4;
  ip.destination = vtep;
  tunnel->header.udp.destination_port = BigEndian16{underlay_.vxlan_port};
  tunnel->header.vxlan.flags = VxlanHeader::kVniPresent;
  tunnel->header.vxlan.vni_reserved = BigEndian32{vni.number() << 8};
  // TOS, total length and checksum are still zero: their share is added per packet.
  tunnel->header_sum = checksum_fold(checksum_add(0, &ip, sizeof(ip)));
  tunnel->vni = vni;
  tunnel->vtep = vtep;
  return tunnel;
}

const Tunnel* TunnelTable::acquire(const IpAddress& vtep, Vni vni, std::string& error) {
  Entry& entry = tunnels_[{vtep, vni}];
  if (entry.tunnel) {
    ++entry.neighbors;
    return entry.tunnel.get();
  }
  if (!vtep.is_v4() || !vtep.v4().is_host_address()) {
    error = fmt::format("{} is no IPv4 host address; the underlay is IPv4", vtep.to_string());
  } else if (vtep == IpAddress{underlay_.vtep_v4}) {
    error = fmt::format("{} is this host's own VTEP", vtep.to_string());
  } else if (underlay_.vtep.contains(vtep)) {
    entry.next_hop = vtep.v4();
  } else if (gateway_) {
    entry.next_hop = *gateway_;
  } else {
    error = fmt::format("{} is outside the underlay's prefix {} and there is no --underlay-gateway",
                        vtep.to_string(), underlay_.vtep.masked().to_string());
  }
  if (!error.empty()) {
    tunnels_.erase({vtep, vni});
    return nullptr;
  }
  entry.tunnel = make(vtep.v4(), vni);
  entry.tunnel->next_hop = next_hops_.acquire(entry.next_hop, Clock::now());
  entry.neighbors = 1;
  return entry.tunnel.get();
}

void TunnelTable::release(const Tunnel* tunnel) {
  const auto found = tunnels_.find({tunnel->vtep, tunnel->vni});
  if (found == tunnels_.end() || --found->second.neighbors > 0) {
    return;
  }
  next_hops_.release(found->second.next_hop);
  quiescence_.retire_object<Tunnel>(found->second.tunnel.release());
  tunnels_.erase(found);
}

std::vector<TunnelView> TunnelTable::view() const {
  std::vector<TunnelView> views;
  for (const auto& [key, entry] : tunnels_) {
    views.push_back({key.first, key.second, entry.next_hop, entry.neighbors});
  }
  return views;
}

}  // namespace alkaid
