// Metrics of the agent itself.
#pragma once

#include <chrono>

#include "alkaid/agent/v1/agent.pb.h"
#include "control/agent/metrics/metric_set.hpp"
#include "control/agent/server/connection_acceptor.hpp"

namespace alkaid::agent {

void add_control_metrics(MetricSet& metrics, const v1::GetConfigResponse& report,
                         const ConnectionAcceptor::Counters& connections,
                         std::chrono::duration<double> uptime);

}  // namespace alkaid::agent
