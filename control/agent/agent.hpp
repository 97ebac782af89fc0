// The agent: its servers, its reconciler and its connection to the data plane.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "control/agent/desired/policy.hpp"
#include "control/agent/ncm/ncm_config.hpp"
#include "control/agent/port_attach.hpp"
#include "control/agent/server/channel_config.hpp"
#include "control/common/instance.hpp"
#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {

class MetricSet;

struct AgentConfig {
  Instance instance;
  ChannelConfig channel;
  IpAddress host;  // unset: the data plane's VTEPs
  // ADDRESS:PORT of the Prometheus endpoint; empty: none.
  std::string metrics_listen;
  // Called on the reconciler's thread about twice a second, as a sign of life. Unless it is set,
  // health checks say "not ready" for ever.
  std::function<void(bool in_sync)> alive;
  PortAttach port_attach;
  Policy policy;
  std::string state_directory;  // empty: the desired state is only in memory
  NcmConfig ncm;                // without an address what is missing is dropped
  std::chrono::seconds on_demand_idle{60};
};

// start() and stop() from one thread.
class Agent {
 public:
  explicit Agent(AgentConfig config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Serves both sockets and begins to connect to the data plane. Returns an error text that says
  // what to do, empty if it runs. should_stop is asked now and then while the desired state is
  // read, which takes seconds where it is large; true: start() gives up.
  std::string start(const std::function<bool()>& should_stop = {});

  // Ends open calls within a fraction of a second and stops every thread.
  void stop();

  // The TCP port served, after start().
  [[nodiscard]] int port() const;
  // Of the Prometheus endpoint; 0: there is none.
  [[nodiscard]] int metrics_port() const;

 private:
  void collect_metrics(MetricSet& metrics);

  struct Parts;
  std::string open_state(const std::function<bool()>& should_stop);
  std::unique_ptr<Parts> parts_;
};

}  // namespace alkaid::agent
