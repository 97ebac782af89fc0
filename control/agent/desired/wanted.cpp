// What the desired state means for the data plane.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

const std::vector<Subnet*>& DesiredStore::at(Vni vni) const {
  static const std::vector<Subnet*> kNone;
  const auto found = by_vni_.find(vni);
  return found == by_vni_.end() ? kNone : found->second;
}

bool DesiredStore::is_local(Vni vni, const IpAddress& address) const {
  const auto& subnets = at(vni);
  return std::any_of(subnets.begin(), subnets.end(), [&](const Subnet* subnet) {
    return subnet->port_addresses.contains(address);
  });
}

// Several subnets may share a VNI (one per address family, or all of a VPC): of what a segment has
// once, the subnet with the smallest id decides, so that the order of arrival doesn't.
std::optional<DesiredStore::WantedSegment> DesiredStore::wanted_segment(Vni vni) const {
  const auto& subnets = at(vni);
  if (subnets.empty()) {
    return std::nullopt;
  }
  WantedSegment wanted;
  wanted.bare = true;
  SegmentObject& object = wanted.object;
  for (const Subnet* subnet : subnets) {
    if (subnet->known) {
      wanted.bare = false;
      object.prefixes.push_back(subnet->spec.cidr);
      object.dhcp_enabled = object.dhcp_enabled || subnet->spec.dhcp_enabled;
      if (object.dns_servers.empty()) {
        object.dns_servers = subnet->spec.dns_servers;
      }
      const bool v4 = subnet->spec.gateway.address.is_v4();
      const bool taken = std::any_of(object.gateways.begin(), object.gateways.end(),
                                     [v4](const auto& g) { return g.address.is_v4() == v4; });
      if (subnet->spec.has_gateway && !taken) {
        object.gateways.push_back({subnet->spec.gateway.address, subnet->spec.gateway.mac});
      }
    }
    if (object.router == 0 && !subnet->routers.empty()) {
      const std::string& router = *subnet->routers.begin();
      object.router = router_key(router);
      object.host_dvr_mac = routers_.find(router)->second.host_dvr_mac;
    }
  }
  make_canonical(object);
  return wanted;
}

DesiredStore::WantedPort DesiredStore::wanted_port(const std::string& id) const {
  WantedPort wanted;
  const PortSpec* spec = find_port(id);
  if (spec == nullptr) {
    return wanted;
  }
  const Subnet* home = find_subnet(spec->fixed_ips.front().subnet_id);
  if (home == nullptr || home->vni == Vni{}) {
    wanted.state = WantedPort::State::kUnresolved;
    return wanted;
  }
  wanted.state = WantedPort::State::kPresent;
  PortObject& object = wanted.object;
  object.vni = home->vni;
  object.mac = spec->mac;
  object.admin_up = spec->admin_up;
  object.attachment = spec->attachment;
  for (const PortFixedIp& fixed_ip : spec->fixed_ips) {
    const Subnet* subnet = find_subnet(fixed_ip.subnet_id);
    if (subnet != nullptr && subnet->vni == object.vni) {
      object.fixed_ips.push_back(fixed_ip.address);
    }
  }
  for (const AddressPairSpec& pair : spec->address_pairs) {
    object.allowed_address_pairs.push_back({pair.prefix, pair.mac});
  }
  make_canonical(object);
  return wanted;
}

std::optional<NeighborObject> DesiredStore::wanted_neighbor(const NeighborKey& key) const {
  if (is_local(key.vni, key.address)) {
    return std::nullopt;
  }
  for (const Subnet* subnet : at(key.vni)) {
    const auto row = subnet->neighbors.find(key.address);
    if (row == subnet->neighbors.end()) {
      continue;
    }
    if (std::find(own_.begin(), own_.end(), row->second.vtep) != own_.end()) {
      return std::nullopt;
    }
    return NeighborObject{row->second.mac, row->second.vtep};
  }
  return std::nullopt;
}

std::optional<RouteObject> DesiredStore::wanted_route(const RouteKey& key) const {
  const auto id = router_ids_.find(key.table);
  if (id == router_ids_.end()) {
    return std::nullopt;
  }
  for (const auto& [subnet_id, rules] : routers_.find(id->second)->second.subnets) {
    const Subnet* subnet = find_subnet(subnet_id);
    if (subnet != nullptr && subnet->known && subnet->vni != Vni{} &&
        subnet->spec.cidr == key.prefix) {
      return RouteObject{.connected_vni = subnet->vni};
    }
  }
  return std::nullopt;
}

bool DesiredStore::knows_subnets_of(std::uint64_t router) const {
  const auto id = router_ids_.find(router);
  if (id == router_ids_.end()) {
    return true;
  }
  const auto& subnets = routers_.find(id->second)->second.subnets;
  return std::all_of(subnets.begin(), subnets.end(), [this](const auto& entry) {
    const Subnet* subnet = find_subnet(entry.first);
    return subnet != nullptr && subnet->known && subnet->vni != Vni{};
  });
}

std::optional<DhcpObject> DesiredStore::wanted_dhcp(const DhcpKey& key) const {
  std::optional<DhcpObject> wanted;
  for (const Subnet* subnet : at(key.vni)) {
    const auto row = subnet->dhcp.find(key.mac);
    if (row == subnet->dhcp.end()) {
      continue;
    }
    if (!wanted) {
      wanted.emplace();
    }
    if (wanted->ipv4.is_unset()) {
      wanted->ipv4 = row->second.ipv4;
    }
    if (wanted->ipv6.is_unset()) {
      wanted->ipv6 = row->second.ipv6;
    }
    if (wanted->host_name.empty()) {
      wanted->host_name = row->second.host_name;
    }
  }
  return wanted;
}

}  // namespace alkaid::agent
