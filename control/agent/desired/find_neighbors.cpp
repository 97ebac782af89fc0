#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

std::vector<NeighborAddress> DesiredStore::find_neighbors(const NeighborKey& key) const {
  std::vector<NeighborAddress> found;
  for (const Subnet* subnet : at(key.vni)) {
    if (subnet->neighbors.contains(key.address)) {
      found.push_back({.subnet_id = subnet->id, .vni = key.vni, .address = key.address});
    }
  }
  return found;
}

}  // namespace alkaid::agent
