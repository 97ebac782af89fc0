// Reconciler: neighbors that were asked for and that nobody uses any more.
#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {

void Reconciler::forget_neighbors(const std::vector<NeighborKey>& keys) {
  for (const NeighborKey& key : keys) {
    store_.forget_neighbor(key);
  }
  flush();
}

}  // namespace alkaid::agent
