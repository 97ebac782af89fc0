// What the desired state means for the data plane: routes.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

DesiredStore::WantedRoute DesiredStore::wanted_connected_route(const RouteKey& key) const {
  const auto id = router_ids_.find(key.table);
  if (id == router_ids_.end()) {
    return {};
  }
  for (const auto& [subnet_id, rules] : routers_.find(id->second)->second.subnets) {
    const Subnet* subnet = find_subnet(subnet_id);
    if (subnet != nullptr && subnet->known && subnet->vni != Vni{} &&
        subnet->spec.cidr == key.prefix) {
      return {WantedRoute::State::kPresent, {.connected_vni = subnet->vni}};
    }
  }
  return {};
}

// Of several rules for one destination the best that can be carried out counts: one that waits for
// its gateway doesn't take the others' place. Subnets with the same VNI share its table.
DesiredStore::BestRule DesiredStore::best_rule(Vni vni, const IpPrefix& destination) const {
  BestRule best;
  for (const Subnet* subnet : at(vni)) {
    const auto rules = subnet->rules.find(destination);
    if (rules == subnet->rules.end()) {
      continue;
    }
    best.waits = true;
    for (const RankedRule& ranked : rules->second) {
      if (best.ranked != nullptr && !(ranked < *best.ranked)) {
        break;
      }
      if (const auto object = resolve_rule(*subnet, *ranked.rule)) {
        best.ranked = &ranked;
        best.object = *object;
        break;
      }
    }
  }
  return best;
}

bool DesiredStore::is_best_rule(const Subnet& subnet, const RoutingRuleSpec& rule) const {
  const BestRule best = best_rule(subnet.vni, *rule.destination);
  return best.ranked != nullptr && best.ranked->rule == &rule;
}

DesiredStore::WantedRoute DesiredStore::wanted_route(const RouteKey& key) const {
  const Vni vni = vni_of_rule_table(key.table);
  if (vni == Vni{}) {
    return wanted_connected_route(key);
  }
  const BestRule best = best_rule(vni, key.prefix);
  if (best.ranked != nullptr) {
    return {WantedRoute::State::kPresent, best.object};
  }
  return {best.waits ? WantedRoute::State::kUnresolved : WantedRoute::State::kAbsent, {}};
}

std::optional<RouteObject> DesiredStore::resolve_rule(const Subnet& subnet,
                                                      const RoutingRuleSpec& rule) const {
  switch (rule.via) {
    case RouteVia::kBlackhole:
      return RouteObject{.blackhole = true};
    case RouteVia::kNextHop:
      return RouteObject{.next_hop = rule.next_hop};
    case RouteVia::kVpcGateway:
    case RouteVia::kInternet:
      break;
  }
  auto gateway = resolve_gateway(subnet, rule);
  // An address that is no gateway's is a neighbor's.
  if (!gateway && !rule.next_hop.is_unset()) {
    return RouteObject{.next_hop = rule.next_hop};
  }
  return gateway;
}

Vni DesiredStore::connected_vni(std::string_view router, const IpAddress& address) const {
  const Router* record = find_router(router);
  const Subnet* best = nullptr;
  if (record != nullptr) {
    for (const auto& [subnet_id, rules] : record->subnets) {
      const Subnet* subnet = find_subnet(subnet_id);
      if (subnet != nullptr && subnet->known && subnet->vni != Vni{} &&
          subnet->spec.cidr.contains(address) &&
          (best == nullptr || subnet->spec.cidr.length > best->spec.cidr.length)) {
        best = subnet;
      }
    }
  }
  return best == nullptr ? Vni{} : best->vni;
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

std::vector<Vni> DesiredStore::vnis_of(std::uint64_t router) const {
  std::vector<Vni> vnis;
  const auto id = router_ids_.find(router);
  if (id != router_ids_.end()) {
    for (const auto& [subnet_id, rules] : routers_.find(id->second)->second.subnets) {
      const Subnet* subnet = find_subnet(subnet_id);
      if (subnet != nullptr && subnet->vni != Vni{}) {
        vnis.push_back(subnet->vni);
      }
    }
  }
  return vnis;
}

}  // namespace alkaid::agent
