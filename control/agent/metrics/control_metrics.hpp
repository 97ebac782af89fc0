// Metrics of the agent itself.
#pragma once

#include <chrono>

#include "alkaid/agent/v1/agent.pb.h"
#include "control/agent/metrics/metric_set.hpp"

namespace alkaid::agent {

void add_control_metrics(MetricSet& metrics, const v1::GetConfigResponse& report,
                         std::chrono::duration<double> uptime);

}  // namespace alkaid::agent
