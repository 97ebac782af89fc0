// What the desired state means for the data plane: routes.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

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

}  // namespace alkaid::agent
