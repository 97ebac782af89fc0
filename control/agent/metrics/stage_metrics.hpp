// Metrics of how long goal states spend in each stage.
#pragma once

#include "control/agent/metrics/metric_set.hpp"
#include "control/agent/server/stage_times.hpp"

namespace alkaid::agent {

// Any thread.
void add_stage_metrics(MetricSet& metrics, const StageTimes& times);

}  // namespace alkaid::agent
