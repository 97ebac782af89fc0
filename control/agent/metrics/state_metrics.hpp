// Metrics of how the desired state is kept.
#pragma once

#include "control/agent/metrics/metric_set.hpp"
#include "control/agent/reconcile/durability.hpp"

namespace alkaid::agent {

void add_state_metrics(MetricSet& metrics, const Durability& durability);

}  // namespace alkaid::agent
