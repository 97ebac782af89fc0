// The Prometheus endpoint.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "control/agent/metrics/metric_set.hpp"

namespace prometheus {
class Exposer;
}

namespace alkaid::agent {

// Whether this is ADDRESS:PORT, with an IPv6 address in brackets.
bool is_metrics_address(std::string_view text);

// start() and stop() from one thread.
class MetricsServer {
 public:
  MetricsServer();
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Serves http://ADDRESS/metrics. collect is called for every scrape, one at a time, on a thread
  // of the server; it may block. An error text, empty if it serves.
  std::string start(const std::string& address, std::function<void(MetricSet&)> collect);

  // Waits for a scrape that is under way.
  void stop();

  // The TCP port served, after start().
  [[nodiscard]] int port() const;

 private:
  class Collector;
  std::shared_ptr<Collector> collector_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace alkaid::agent
