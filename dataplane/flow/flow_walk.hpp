// One walk of a worker's graph, as those know it who decide about connections.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_state.hpp"
#include "dataplane/flow/policy_check.hpp"
#include "dataplane/flow/worker_flows.hpp"
#include "dataplane/policy/rule_table.hpp"
#include "dataplane/ports/port.hpp"

namespace alkaid {

// The worker's thread.
struct FlowWalk {
  FlowState& flows;
  const PortTable& ports;
  RuleTable& rules;
  WorkerFlows<FlowKeyV4>& v4;  // the worker's own
  WorkerFlows<FlowKeyV6>& v6;
  unsigned worker;             // its index
  Milliseconds now;            // when the walk began
  std::uint32_t newest_stamp;  // PortStamps::newest() then

  template <class Key>
  [[nodiscard]] WorkerFlows<Key>& own_flows() const {
    if constexpr (Key::kIsV6) {
      return v6;
    } else {
      return v4;
    }
  }
  // Of rules that admitted something; kNoRule is counted nowhere.
  void count_rule_hits(const PolicyVerdict& verdict) const {
    for (const RuleNumber rule : {verdict.egress_rule, verdict.ingress_rule}) {
      if (rule != kNoRule) {
        rules.count_hit(worker, rule);
      }
    }
  }
};

}  // namespace alkaid
