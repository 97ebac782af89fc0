// Reconciler: neighbors that were asked for, and those of them that nobody uses any more.
#include <string>

#include "control/agent/desired/slice_resources.hpp"
#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {

std::vector<LearntNeighbor> Reconciler::learnt_neighbors() const {
  std::vector<LearntNeighbor> neighbors;
  neighbors.reserve(store_.learnt().entries().size());
  for (const auto& [key, entry] : store_.learnt().entries()) {
    LearntNeighbor& neighbor = neighbors.emplace_back(LearntNeighbor{key, entry.ports});
    std::erase_if(neighbor.ports, [this](const auto& id) { return !store_.find_port(id); });
  }
  return neighbors;
}

void Reconciler::learn_neighbors(const std::vector<LearntNeighbor>& neighbors) {
  for (const LearntNeighbor& neighbor : neighbors) {
    store_.learnt().learn(neighbor);
  }
}

void Reconciler::forget_neighbors(const std::vector<NeighborKey>& keys) {
  store_.slices().begin_nameless();
  for (const NeighborKey& key : keys) {
    if (!store_.learnt().forget(key)) {
      continue;  // it was pushed since
    }
    // A subnet may go with its last neighbor.
    std::vector<std::string> subnets;
    for (const NeighborAddress& address : store_.find_neighbors(key)) {
      // What a slice has too is its sender's to take away: then nobody else holds it any more.
      if (store_.slices().let_go(slice_item(Change<NeighborSpec>{}, address))) {
        subnets.emplace_back(address.subnet_id);
      }
    }
    for (const std::string& id : subnets) {
      store_.delete_neighbor({}, {.subnet_id = id, .vni = key.vni, .address = key.address});
    }
  }
  flush();
}

}  // namespace alkaid::agent
