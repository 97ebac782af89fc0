// Reconciler: goal states into the desired state.
#include <utility>

#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {

// One message's order within a type is kept; between types none is needed.
void Reconciler::merge(GoalStateTask& task) {
  ++goal_states_;
  DecodedGoalState& decoded = task.decoded;
  for (const auto& change : decoded.vpcs) {
    change.intent == Intent::kSet ? store_.set_vpc(change.id, change.spec)
                                  : store_.delete_vpc(change.id);
  }
  for (auto& change : decoded.subnets) {
    change.intent == Intent::kSet ? store_.set_subnet(change.id, change.spec)
                                  : store_.delete_subnet(change.id, change.spec.vni);
  }
  merge_routers(task);
  for (auto& change : decoded.ports) {
    change.intent == Intent::kSet ? store_.set_port(change.id, change.spec)
                                  : store_.delete_port(change.id);
  }
  constexpr std::size_t kManyNeighbors = 4096;  // fewer aren't worth a rehash of their own
  if (decoded.neighbors.size() >= kManyNeighbors) {
    dirty_.neighbors.reserve(dirty_.neighbors.size() + decoded.neighbors.size());
  }
  for (const auto& change : decoded.neighbors) {
    if (change.intent == Intent::kDelete) {
      merge_neighbor_delete(task, change);
      continue;
    }
    for (const NeighborAddress& address : change.spec.addresses) {
      store_.set_neighbor(address, {change.spec.mac, change.spec.host});
    }
  }
  for (const auto& change : decoded.dhcp) {
    if (change.intent == Intent::kSet) {
      store_.set_dhcp(change.spec);
    } else if (!store_.delete_dhcp(change.spec) && !delete_in_mirror({{}, change.spec.mac})) {
      decoded.results[change.result].status = Status::kPending;
    }
  }
  for (const auto& change : decoded.security_groups) {
    store_.set_remembered(ResourceType::kSecurityGroup, change.id, change.intent == Intent::kSet);
  }
  for (const auto& change : decoded.gateways) {
    store_.set_remembered(ResourceType::kGateway, change.id, change.intent == Intent::kSet);
  }
}

void Reconciler::merge_routers(GoalStateTask& task) {
  for (const auto& change : task.decoded.routers) {
    release_router(router_key(change.id), change.intent == Intent::kDelete);
    if (change.intent == Intent::kDelete) {
      store_.delete_router(change.id);
    } else if (!store_.set_router(change.id, change.spec)) {
      task.decoded.refuse(change.result,
                          {"configuration.id", printable(change.id),
                           "has the same 64-bit key as another router's id: choose another id"});
    }
  }
}

void Reconciler::merge_neighbor_delete(GoalStateTask& task, const Change<NeighborSpec>& change) {
  for (const NeighborAddress& address : change.spec.addresses) {
    if (!store_.delete_neighbor(address) && !delete_in_mirror({address.address, change.spec.mac})) {
      task.decoded.results[change.result].status = Status::kPending;
    }
  }
}

bool Reconciler::delete_in_mirror(const DeferredDelete& deleted) {
  if (!connected_) {
    if (deferred_deletes_.size() < kMostDeferredDeletes) {
      deferred_deletes_.push_back(deleted);
    }
    return true;
  }
  if (deleted.address.is_unset()) {
    const auto found = mirror_.find_unclaimed_dhcp(deleted.mac);
    if (found.size() == 1) {
      dirty_.dhcp.insert(found.front());
    }
    return found.size() <= 1;
  }
  const auto found = mirror_.find_unclaimed_neighbors(deleted.address, deleted.mac);
  if (found.size() == 1) {
    dirty_.neighbors.insert(found.front());
  }
  return found.size() <= 1;
}

// A router that was read back is now named: what the data plane still holds of it is compared.
void Reconciler::release_router(std::uint64_t key, bool deleted) {
  if (unclaimed_routers_.erase(key) == 0) {
    return;
  }
  for (const auto& [vni, segment] : mirror_.segments) {
    if (segment.object.router == key && store_.wanted_segment(vni)) {
      dirty_.segments.insert(vni);
    }
  }
  if (!deleted) {
    return;
  }
  for (auto route = mirror_.routes.lower_bound({key, {}});
       route != mirror_.routes.end() && route->first.table == key; ++route) {
    dirty_.routes.insert(route->first);
  }
}

}  // namespace alkaid::agent
