// Metrics of the data plane, asked for at every scrape.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "alkaid/dataplane/v1/vhost.grpc.pb.h"
#include "control/agent/metrics/metric_set.hpp"

namespace alkaid::agent {

// Ports that are shown singly; what the others count is summed up under port="other".
inline constexpr std::size_t kMostMetricPorts = 1024;

class DataplaneMetrics {
 public:
  explicit DataplaneMetrics(const std::string& socket_path);

  // Adds alkaid_dataplane_up, 0 if the data plane doesn't answer in time, and then nothing else.
  // Blocks; one thread at a time.
  void collect(MetricSet& metrics);

 private:
  static constexpr std::chrono::seconds kTimeout{5};  // of all calls of one scrape

  std::unique_ptr<dataplane::v1::Dataplane::Stub> stub_;
  std::unique_ptr<dataplane::v1::Vhost::Stub> vhost_;
};

}  // namespace alkaid::agent
