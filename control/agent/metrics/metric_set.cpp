#include "control/agent/metrics/metric_set.hpp"

#include "control/common/logging.hpp"

namespace alkaid::agent {

using prometheus::ClientMetric;
using prometheus::MetricType;

void MetricSet::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
  add(name, help, MetricType::Gauge, labels).gauge.value = value;
}

void MetricSet::counter(std::string_view name, std::string_view help, double value, Labels labels) {
  add(name, help, MetricType::Counter, labels).counter.value = value;
}

void MetricSet::histogram(std::string_view name, std::string_view help,
                          ClientMetric::Histogram value, Labels labels) {
  add(name, help, MetricType::Histogram, labels).histogram = std::move(value);
}

ClientMetric& MetricSet::add(std::string_view name, std::string_view help, MetricType type,
                             Labels labels) {
  const auto [found, is_new] = index_.try_emplace(std::string{name}, families_.size());
  if (is_new) {
    families_.push_back({std::string{name}, std::string{help}, type, {}});
  }
  ClientMetric& metric = families_[found->second].metric.emplace_back();
  for (const auto& [label, value] : labels) {
    metric.label.push_back({std::string{label}, printable(value)});
  }
  return metric;
}

}  // namespace alkaid::agent
