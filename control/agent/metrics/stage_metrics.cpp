#include "control/agent/metrics/stage_metrics.hpp"

#include <limits>
#include <utility>

namespace alkaid::agent {
namespace {

constexpr double kSecondsOfAMicrosecond = 1e-6;

prometheus::ClientMetric::Histogram cumulative(const StageTimes::Histogram& times) {
  prometheus::ClientMetric::Histogram histogram;
  for (std::size_t i = 0; i < StageTimes::kBuckets; ++i) {
    histogram.sample_count += times.counts[i];
    const double bound = i + 1 < StageTimes::kBuckets
                             ? static_cast<double>(StageTimes::bound(i)) * kSecondsOfAMicrosecond
                             : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = static_cast<double>(times.microseconds) * kSecondsOfAMicrosecond;
  return histogram;
}

}  // namespace

void add_stage_metrics(MetricSet& metrics, const StageTimes& times) {
  for (std::size_t i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    metrics.histogram("alkaid_agent_goal_state_seconds",
                      "Time that goal states spent by stage; total is from received to replied.",
                      cumulative(times.read(stage)), {{"stage", name_of(stage)}});
  }
}

}  // namespace alkaid::agent
