// Security groups: remembered, so that later changes of single rules need no context.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::set_security_group(std::string_view id, const SecurityGroupSpec& spec) {
  SecurityGroup& group = security_groups_[std::string{id}];
  if (spec.replaces) {
    group = {};
  }
  if (!spec.vpc_id.empty()) {
    group.vpc_id = spec.vpc_id;
  }
  if (!spec.name.empty()) {
    group.name = spec.name;
  }
  for (const SecurityRuleSpec& rule : spec.rules) {
    if (rule.is_delete) {
      group.rules.erase(rule.id);
    } else {
      group.rules.insert_or_assign(rule.id, rule);
    }
  }
}

void DesiredStore::delete_security_group(std::string_view id) {
  const auto found = security_groups_.find(id);
  if (found != security_groups_.end()) {
    security_groups_.erase(found);
  }
}

}  // namespace alkaid::agent
