#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::forget_neighbor(const NeighborKey& key) {
  // A subnet may go with its last neighbor.
  std::vector<std::string> subnets;
  for (const Subnet* subnet : at(key.vni)) {
    if (subnet->neighbors.contains(key.address)) {
      subnets.push_back(subnet->id);
    }
  }
  for (const std::string& id : subnets) {
    delete_neighbor({}, {.subnet_id = id, .vni = key.vni, .address = key.address});
  }
}

}  // namespace alkaid::agent
