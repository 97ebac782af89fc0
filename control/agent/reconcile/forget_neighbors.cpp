// Reconciler: neighbors that were asked for and that nobody uses any more.
#include <string>

#include "control/agent/desired/slice_resources.hpp"
#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {

void Reconciler::forget_neighbors(const std::vector<NeighborKey>& keys) {
  store_.slices().begin_nameless();
  for (const NeighborKey& key : keys) {
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
