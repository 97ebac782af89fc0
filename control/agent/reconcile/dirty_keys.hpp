// Keys of data-plane objects whose wanted form may have changed.
#pragma once

#include <set>
#include <string>
#include <unordered_set>

#include "control/agent/reconcile/objects.hpp"

namespace alkaid::agent {

// Marking a key is all that a change of the desired state has to do: what the key's object should
// be is computed afterwards from the state as it then is, and compared with what is programmed.
struct DirtyKeys {
  std::set<Vni> segments;
  std::set<std::string> ports;
  std::unordered_set<NeighborKey> neighbors;
  std::set<RouteKey> routes;
  std::unordered_set<DhcpKey> dhcp;

  [[nodiscard]] bool empty() const {
    return segments.empty() && ports.empty() && neighbors.empty() && routes.empty() && dhcp.empty();
  }
};

}  // namespace alkaid::agent
