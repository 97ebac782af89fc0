// Reconciler: what came of a router and its rules.
#include <fmt/format.h>

#include "control/agent/reconcile/conditions.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {

// Its subnets; rules have conditions of their own.
Condition Reconciler::router_condition(std::string_view id) {
  const Router* router = store_.find_router(id);
  if (router == nullptr || !connected_) {
    return disconnected();
  }
  for (const auto& [subnet_id, rules] : router->subnets) {
    const Subnet* subnet = store_.find_subnet(subnet_id);
    if (subnet == nullptr || !subnet->known || subnet->vni == Vni{}) {
      return subnet_unresolved(subnet_id);
    }
    Condition condition = object_condition(failures_.segments, subnet->vni);
    if (condition.status == Status::kSuccess) {
      condition = object_condition(failures_.routes, RouteKey{router_key(id), subnet->spec.cidr});
    }
    if (condition.status != Status::kSuccess) {
      return condition;
    }
  }
  return {};
}

Condition Reconciler::rule_condition(std::string_view router, std::string_view subnet_id,
                                     const RoutingRuleSpec& rule) const {
  const Subnet* subnet = store_.find_subnet(subnet_id);
  if (!connected_ || subnet == nullptr || subnet->vni == Vni{} || !rule.destination) {
    return disconnected();
  }
  Condition failed =
      object_condition(failures_.routes, RouteKey{rule_table_key(subnet->vni), *rule.destination});
  if (failed.status != Status::kSuccess || rule.is_delete) {
    return failed;
  }
  const auto route = store_.resolve_rule(*subnet, rule);
  if (!route) {
    return gateway_unresolved(*subnet, rule);
  }
  return route->next_hop.is_unset() ? Condition{} : next_hop_condition(router, rule);
}

Condition Reconciler::gateway_unresolved(const Subnet& subnet, const RoutingRuleSpec& rule) const {
  const std::string name = fmt::format("rule {} waits for a gateway", printable(rule.id));
  const Vpc* vpc = store_.find_vpc(subnet.spec.vpc_id);
  if (vpc == nullptr || vpc->spec.gateway_ids.empty()) {
    return pending("vpc_id", printable(subnet.spec.vpc_id),
                   fmt::format("{}: this VPC names none in gateway_ids yet", name));
  }
  for (const std::string& id : vpc->spec.gateway_ids) {
    const VpcGateway* gateway = store_.find_gateway(id);
    if (gateway == nullptr || !gateway->known) {
      return pending("gateway_ids", printable(id),
                     fmt::format("{}: this one is not known yet", name));
    }
  }
  return pending("gateway_ids", printable(vpc->spec.gateway_ids.front()),
                 fmt::format("{}: none of the VPC's has a destination with a MAC address that this "
                             "host's VTEPs can reach",
                             name));
}

// The route itself stands in the data plane; whether packets find their way is said here.
Condition Reconciler::next_hop_condition(std::string_view router,
                                         const RoutingRuleSpec& rule) const {
  const Vni vni = store_.connected_vni(router, rule.next_hop);
  if (vni == Vni{}) {
    return pending(
        "next_hop_ip", rule.next_hop.to_string(),
        fmt::format("rule {}: is in no subnet that the router joins yet", printable(rule.id)));
  }
  const NeighborKey key{rule.next_hop, vni};
  if (store_.is_local(vni, rule.next_hop) || mirror_.is_unclaimed_local(key) ||
      mirror_.neighbors.contains(key)) {
    return {};
  }
  return pending(
      "next_hop_ip", rule.next_hop.to_string(),
      fmt::format("rule {}: is no neighbor and no port of this host yet", printable(rule.id)));
}

// Each next hop once, however many rules go there.
Condition Reconciler::rules_condition(std::string_view id, const Router& router) const {
  std::set<IpAddress> good;
  for (const auto& [subnet_id, rules] : router.subnets) {
    for (const auto& [rule_id, rule] : rules) {
      const bool by_address = rule.via == RouteVia::kNextHop && failures_.routes.empty();
      if (by_address && good.contains(rule.next_hop)) {
        continue;
      }
      Condition condition = rule_condition(id, subnet_id, rule);
      if (condition.status != Status::kSuccess) {
        return condition;
      }
      if (by_address) {
        good.insert(rule.next_hop);
      }
    }
  }
  return {};
}

}  // namespace alkaid::agent
