#include "control/agent/metrics/metrics_server.hpp"

#include <charconv>
#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

bool is_metrics_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  std::string_view address = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool brackets = address.starts_with('[') && address.ends_with(']');
  if (brackets) {
    address = address.substr(1, address.size() - 2);
  }
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const auto parsed = IpAddress::parse(address);
  return error == std::errc{} && end == port.data() + port.size() && parsed &&
         parsed->is_v4() != brackets;
}

class MetricsServer::Collector final : public prometheus::Collectable {
 public:
  explicit Collector(std::function<void(MetricSet&)> collect) : collect_(std::move(collect)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
    const std::lock_guard lock{mutex_};
    MetricSet metrics;
    collect_(metrics);
    return metrics.take();
  }

 private:
  mutable std::mutex mutex_;
  const std::function<void(MetricSet&)> collect_;
};

MetricsServer::MetricsServer() = default;

MetricsServer::~MetricsServer() {
  stop();
}

std::string MetricsServer::start(const std::string& address,
                                 std::function<void(MetricSet&)> collect) {
  collector_ = std::make_shared<Collector>(std::move(collect));
  try {
    // A scraper that is slow to ask or to read is given up.
    exposer_ = std::make_unique<prometheus::Exposer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", "2", "request_timeout_ms", "10000"});
  } catch (const std::exception&) {
    return fmt::format(
        "can't serve metrics on {}: the port is in use, or the address is not one of this host; "
        "choose another with --metrics-listen",
        address);
  }
  exposer_->RegisterCollectable(collector_);
  return {};
}

void MetricsServer::stop() {
  exposer_.reset();
  collector_.reset();
}

int MetricsServer::port() const {
  const auto ports = exposer_ ? exposer_->GetListeningPorts() : std::vector<int>{};
  return ports.empty() ? 0 : ports.front();
}

}  // namespace alkaid::agent
