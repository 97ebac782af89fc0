// What the desired state means for the data plane: neighbors.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

bool DesiredStore::is_local(Vni vni, const IpAddress& address) const {
  const auto& subnets = at(vni);
  return std::any_of(subnets.begin(), subnets.end(), [&](const Subnet* subnet) {
    return subnet->port_addresses.contains(address);
  });
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
  for (const Subnet* subnet : at(key.vni)) {
    const auto claims = subnet->pairs.find(key.address);
    if (claims == subnet->pairs.end()) {
      continue;
    }
    const NeighborRow& row = claims->second.back().row;
    if (std::find(own_.begin(), own_.end(), row.vtep) != own_.end()) {
      return std::nullopt;
    }
    return NeighborObject{row.mac, row.vtep};
  }
  return std::nullopt;
}

}  // namespace alkaid::agent
