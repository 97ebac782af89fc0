// What the desired state means for the data plane: segments.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

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

}  // namespace alkaid::agent
