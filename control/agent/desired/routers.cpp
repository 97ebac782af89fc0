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
  const auto [entry, added] = routers_.try_emplace(name);
  Router& router = entry->second;
  const bool mac_changed = router.host_dvr_mac != spec.host_dvr_mac;
  router.host_dvr_mac = spec.host_dvr_mac;
  if (added || mac_changed) {
    journal_->put_router(id, spec.host_dvr_mac);
  }

  std::map<std::string, std::set<std::string_view>> named;  // rules by subnet
  for (const SubnetRoutingSpec& table : spec.subnets) {
    auto& named_rules = named[table.subnet_id];
    link_router(name, table.subnet_id, true);
    if (router.subnets.try_emplace(table.subnet_id).second) {
      journal_->put_router_subnet(id, table.subnet_id);
    }
    for (const RoutingRuleSpec& rule : table.rules) {
      if (rule.is_delete) {
        named_rules.erase(rule.id);
        delete_rule(name, table.subnet_id, rule);
      } else {
        named_rules.insert(rule.id);
        set_rule(name, table.subnet_id, rule);
      }
    }
  }
  if (spec.replaces) {
    for (const auto& [subnet_id, rules] : named) {
      delete_rules(name, subnet_id, rules);
    }
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
    delete_rules(name, subnet_id, {});
    router.subnets.erase(subnet_id);
    journal_->erase_router_subnet(id, subnet_id);
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
  for (const auto& [subnet_id, rules] : found->second.subnets) {
    delete_rules(name, subnet_id, {});
  }
  const Router router = std::move(found->second);
  routers_.erase(found);
  router_ids_.erase(router_key(name));
  for (const auto& [subnet_id, rules] : router.subnets) {
    journal_->erase_router_subnet(name, subnet_id);
    link_router(name, subnet_id, false);
  }
  journal_->erase_router(name);
}

}  // namespace alkaid::agent
