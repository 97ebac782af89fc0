// Metrics of goal states on demand.
#pragma once

#include "control/agent/metrics/metric_set.hpp"
#include "control/agent/on_demand/on_demand.hpp"

namespace alkaid::agent {

void add_on_demand_metrics(MetricSet& metrics, const OnDemand::Activity& activity);

}  // namespace alkaid::agent
