#include "dataplane/policy/port_policy.hpp"

#include "dataplane/policy/security_group.hpp"

namespace alkaid {
namespace {

RuleNumber find(const std::vector<const SecurityGroup*>& groups, PolicyDirection direction,
                const PolicyQuery& query) {
  for (const SecurityGroup* group : groups) {
    if (const RuleNumber rule = group->find(direction, query); rule != kNoRule) {
      return rule;
    }
  }
  return kNoRule;
}

}  // namespace

RuleNumber PortPolicy::find_egress(const PolicyQuery& query) const {
  return find(groups_, PolicyDirection::kEgress, query);
}

RuleNumber PortPolicy::find_ingress(const PolicyQuery& query) const {
  return find(groups_, PolicyDirection::kIngress, query);
}

}  // namespace alkaid
