#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::link_router(const std::string& id, const std::string& subnet_id, bool present) {
  Subnet& record = subnet(subnet_id);
  mark_subnet(record);
  if (present) {
    record.routers.insert(id);
    mark_subnet(record);
  } else {
    record.routers.erase(id);
    drop_if_unused(record);
  }
}

bool DesiredStore::set_router(std::string_view id, const RouterSpec& spec) {
  const std::string name{id};
  if (router_ids_.try_emplace(router_key(id), name).first->second != name) {
    return false;
  }
  Router& router = routers_[name];
  const bool mac_changed = router.host_dvr_mac != spec.host_dvr_mac;
  router.host_dvr_mac = spec.host_dvr_mac;

  std::set<std::string> named;
  for (const SubnetRoutingSpec& table : spec.subnets) {
    named.insert(table.subnet_id);
    auto& rules = router.subnets[table.subnet_id];
    if (spec.replaces) {
      rules.clear();
    }
    for (const RoutingRuleSpec& rule : table.rules) {
      if (rule.is_delete) {
        rules.erase(rule.id);
      } else {
        rules.insert_or_assign(rule.id, rule);
      }
    }
    link_router(name, table.subnet_id, true);
  }
  std::vector<std::string> gone;
  for (const auto& [subnet_id, rules] : router.subnets) {
    if (spec.replaces && !named.contains(subnet_id)) {
      gone.push_back(subnet_id);
    } else if (mac_changed) {
      mark_subnet(subnet(subnet_id));
    }
  }
  for (const std::string& subnet_id : gone) {
    router.subnets.erase(subnet_id);
    link_router(name, subnet_id, false);
  }
  return true;
}

void DesiredStore::delete_router(std::string_view id) {
  const auto found = routers_.find(id);
  if (found == routers_.end()) {
    return;
  }
  const std::string name = found->first;
  const Router router = std::move(found->second);
  routers_.erase(found);
  router_ids_.erase(router_key(name));
  for (const auto& [subnet_id, rules] : router.subnets) {
    link_router(name, subnet_id, false);
  }
}

}  // namespace alkaid::agent
