// Reconciler: what came of a security group.
#include "control/agent/reconcile/conditions.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {

// A group that no port of this host has, and no rule of one that a port has, needs nothing here.
// A rule is in effect with the members of its remote group.
Condition Reconciler::security_group_condition(const std::string& id) const {
  const SecurityGroup* group = store_.find_security_group(id);
  if (group == nullptr || (!group->is_enforced() && !group->is_remote())) {
    return connected_ ? object_condition(failures_.security_groups, id) : Condition{};
  }
  Condition condition = object_condition(failures_.security_groups, id);
  if (condition.status != Status::kSuccess || failures_.security_groups.empty()) {
    return condition;
  }
  for (const auto& [remote, rules] : group->remotes) {
    condition = object_condition(failures_.security_groups, remote);
    if (condition.status != Status::kSuccess) {
      condition.message = fmt::format("remote group {}: {}", printable(remote), condition.message);
      return condition;
    }
  }
  return {};
}

Condition Reconciler::port_groups_condition(const PortSpec& spec) const {
  if (!store_.policy().security_groups) {
    return {};
  }
  for (const std::string& id : spec.security_group_ids) {
    const SecurityGroup* group = store_.find_security_group(id);
    if (group == nullptr || !group->known) {
      return pending("configuration.security_group_ids", printable(id),
                     "this security group is not known yet: it allows nothing");
    }
    Condition condition = security_group_condition(id);
    if (condition.status != Status::kSuccess) {
      condition.message = fmt::format("security group {}: {}", printable(id), condition.message);
      return condition;
    }
  }
  return {};
}

}  // namespace alkaid::agent
