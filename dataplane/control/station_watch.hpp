// Notices addresses behind which another MAC is after a change than before it.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "control/common/net/mac_address.hpp"
#include "dataplane/tables/neighbor_table.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// Control thread only; made before the change, asked after it.
class StationWatch {
 public:
  StationWatch(const NeighborTable& neighbors, std::span<const NeighborKey> keys)
      : neighbors_(neighbors) {
    for (const NeighborKey& key : keys) {
      if (const Neighbor* neighbor = neighbors.find(key.vni, key.ip)) {
        before_.emplace_back(key, neighbor->mac());
      }
    }
  }

  // Calls moved(key) for every address that was somewhere before and has another MAC now.
  template <class Moved>
  void finish(Moved&& moved) const {
    for (const auto& [key, mac] : before_) {
      const Neighbor* neighbor = neighbors_.find(key.vni, key.ip);
      if (neighbor != nullptr && neighbor->mac() != mac) {
        moved(key);
      }
    }
  }

 private:
  const NeighborTable& neighbors_;
  std::vector<std::pair<NeighborKey, MacAddress>> before_;
};

}  // namespace alkaid
