// What a security rule may say, and what that means for packets.
#pragma once

#include "dataplane/control/object_result.hpp"
#include "dataplane/policy/rule_intervals.hpp"
#include "dataplane/tables/objects.hpp"

namespace alkaid {

// nullopt if the rule can be enforced; otherwise the error names the rule's field.
ObjectResult check_rule(const SecurityRuleConfig& rule);

// Protocol and ports (or ICMP type and code) of a rule that was checked.
RuleInterval interval_of(const SecurityRuleConfig& rule);

}  // namespace alkaid
