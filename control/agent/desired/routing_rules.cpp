// Routers' rules: kept by router, subnet and id, ranked by subnet and destination.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {
namespace {

bool goes_by_gateway(const RankedRule& ranked) {
  return ranked.rule->via == RouteVia::kVpcGateway || ranked.rule->via == RouteVia::kInternet;
}

}  // namespace

void DesiredStore::mark_rule(const Subnet& subnet, const IpPrefix& destination) {
  if (subnet.vni != Vni{}) {
    dirty_.routes.insert({rule_table_key(subnet.vni), destination});
    dirty_.segments.insert(subnet.vni);  // has a table of its own with its first rule
  }
}

// The router's record must hold the rule, at the address that stays.
void DesiredStore::rank_rule(const std::string& router, Subnet& subnet, const RoutingRuleSpec& rule,
                             bool present) {
  const IpPrefix& destination = *rule.destination;
  auto& ranked = subnet.rules[destination];
  const RankedRule entry{rule.priority, rule.id, routers_.find(router)->first, &rule};
  present ? static_cast<void>(ranked.insert(entry)) : static_cast<void>(ranked.erase(entry));
  if (std::any_of(ranked.begin(), ranked.end(), goes_by_gateway)) {
    subnet.gateway_rules.insert(destination);
  } else {
    subnet.gateway_rules.erase(destination);
  }
  mark_rule(subnet, destination);
  if (ranked.empty()) {
    subnet.rules.erase(destination);
  }
}

void DesiredStore::set_rule(const std::string& router, const std::string& subnet_id,
                            const RoutingRuleSpec& rule) {
  Subnet& record = subnet(subnet_id);
  auto& rules = routers_.find(router)->second.subnets[subnet_id];
  const auto [entry, added] = rules.try_emplace(rule.id);
  if (added || entry->second != rule) {
    journal_->put_routing_rule(router, subnet_id, rule);
  }
  if (!added) {
    rank_rule(router, record, entry->second, false);
  }
  entry->second = rule;
  rank_rule(router, record, entry->second, true);
}

void DesiredStore::delete_rule(const std::string& router, const std::string& subnet_id,
                               const RoutingRuleSpec& rule) {
  Subnet& record = subnet(subnet_id);
  auto& rules = routers_.find(router)->second.subnets[subnet_id];
  const auto known = rules.find(rule.id);
  if (known != rules.end()) {
    rank_rule(router, record, known->second, false);
    journal_->erase_routing_rule(router, subnet_id, rule.id);
    rules.erase(known);
  } else if (rule.destination && record.vni == Vni{}) {
    record.deleted_rules.insert(*rule.destination);
  } else if (rule.destination) {
    mark_rule(record, *rule.destination);
  }
}

void DesiredStore::delete_rules(const std::string& router, const std::string& subnet_id,
                                const std::set<std::string_view>& except) {
  Subnet& record = subnet(subnet_id);
  auto& rules = routers_.find(router)->second.subnets[subnet_id];
  for (auto rule = rules.begin(); rule != rules.end();) {
    if (except.contains(rule->first)) {
      ++rule;
    } else {
      rank_rule(router, record, rule->second, false);
      journal_->erase_routing_rule(router, subnet_id, rule->first);
      rule = rules.erase(rule);
    }
  }
}

bool DesiredStore::knows_rule(std::string_view router, const std::string& subnet_id,
                              const std::string& rule_id) const {
  const Router* record = find_router(router);
  if (record == nullptr) {
    return false;
  }
  const auto subnet = record->subnets.find(subnet_id);
  return subnet != record->subnets.end() && subnet->second.contains(rule_id);
}

}  // namespace alkaid::agent
