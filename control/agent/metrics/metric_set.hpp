// Values gathered for one scrape.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

namespace alkaid::agent {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The first mention of a name makes its family. Values of labels may be anything: what is not
// printable is escaped.
class MetricSet {
 public:
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  // A name that ends in _total.
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  void histogram(std::string_view name, std::string_view help,
                 prometheus::ClientMetric::Histogram value, Labels labels = {});

  std::vector<prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& add(std::string_view name, std::string_view help,
                                prometheus::MetricType type, Labels labels);

  std::vector<prometheus::MetricFamily> families_;
  std::unordered_map<std::string, std::size_t> index_;  // into families_, by name
};

}  // namespace alkaid::agent
