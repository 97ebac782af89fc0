#include "dataplane/underlay/tunnel_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "dataplane/underlay/endpoint.hpp"
#include "dataplane/underlay/make_tunnel.hpp"

namespace alkaid {

TunnelTable::TunnelTable(const Underlay& underlay, const std::vector<IpAddress>& gateways,
                         NextHopTable& next_hops, QuiescenceDomain& quiescence)
    : underlay_(underlay), next_hops_(next_hops), quiescence_(quiescence) {
  for (const auto& gateway : gateways) {
    (gateway.is_v4() ? gateways_v4_ : gateways_v6_).push_back(gateway);
  }
  // The order that an operator gave them in has no meaning: hosts shall choose alike.
  std::sort(gateways_v4_.begin(), gateways_v4_.end());
  std::sort(gateways_v6_.begin(), gateways_v6_.end());
}

TunnelTable::~TunnelTable() {
  quiescence_.drain();
}

NextHopTable::Addresses TunnelTable::next_hops_to(const IpAddress& vtep, std::string& error) const {
  const char* family = vtep.is_v4() ? "IPv4" : "IPv6";
  const IpPrefix* own = underlay_.vtep_of_family(vtep.is_v4());
  if (!is_endpoint(vtep)) {
    error = fmt::format("{} is no address that a tunnel can end at", vtep.to_string());
  } else if (own == nullptr) {
    error =
        fmt::format("{} is {}, but this host has no {} --vtep", vtep.to_string(), family, family);
  } else if (vtep == own->address) {
    error = fmt::format("{} is this host's own VTEP", vtep.to_string());
  } else if (own->contains(vtep)) {
    return {vtep};
  } else {
    const auto& gateways = vtep.is_v4() ? gateways_v4_ : gateways_v6_;
    if (gateways.empty()) {
      error = fmt::format(
          "{} is outside the underlay's prefix {} and there is no {} --underlay-gateway",
          vtep.to_string(), own->masked().to_string(), family);
    }
    return gateways;
  }
  return {};
}

const Tunnel* TunnelTable::acquire(const IpAddress& vtep, Vni vni, std::string& error) {
  Entry& entry = tunnels_[{vtep, vni}];
  if (entry.tunnel) {
    ++entry.neighbors;
    return entry.tunnel.get();
  }
  entry.next_hops = next_hops_to(vtep, error);
  if (entry.next_hops.empty()) {
    tunnels_.erase({vtep, vni});
    return nullptr;
  }
  entry.tunnel = make_tunnel(underlay_, vtep, vni);
  entry.tunnel->path = next_hops_.acquire(entry.next_hops, Clock::now());
  entry.neighbors = 1;
  return entry.tunnel.get();
}

void TunnelTable::release(const Tunnel* tunnel) {
  const auto found = tunnels_.find({tunnel->vtep, tunnel->vni});
  if (found == tunnels_.end() || --found->second.neighbors > 0) {
    return;
  }
  next_hops_.release(found->second.next_hops);
  quiescence_.retire_object<Tunnel>(found->second.tunnel.release());
  tunnels_.erase(found);
}

std::uint16_t TunnelTable::largest_mtu_overhead() const {
  return underlay_.vtep_of_family(false) != nullptr ? kMtuOverheadV6 : kMtuOverheadV4;
}

std::vector<const Tunnel*> TunnelTable::tunnels_of(Vni vni) const {
  std::vector<const Tunnel*> tunnels;
  for (const auto& [key, entry] : tunnels_) {
    if (key.second == vni) {
      tunnels.push_back(entry.tunnel.get());
    }
  }
  return tunnels;
}

std::vector<TunnelView> TunnelTable::view() const {
  std::vector<TunnelView> views;
  for (const auto& [key, entry] : tunnels_) {
    views.push_back({key.first, key.second, entry.next_hops, entry.neighbors});
  }
  return views;
}

}  // namespace alkaid
