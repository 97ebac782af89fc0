// Rules of a chain in the order in which they are merged. Control thread.
#pragma once

#include <vector>

#include "dataplane/policy/rule_intervals.hpp"

namespace alkaid {

// Ascending by first, in time linear in their number if there are many. scratch: memory that is
// used again by the next call.
void sort_by_first(std::vector<RuleInterval>& rules, std::vector<RuleInterval>& scratch);

}  // namespace alkaid
