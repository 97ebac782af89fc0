#include "control/agent/metrics/control_metrics.hpp"

namespace alkaid::agent {

void add_control_metrics(MetricSet& metrics, const v1::GetConfigResponse& report,
                         const ConnectionAcceptor::Counters& connections,
                         std::chrono::duration<double> uptime) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  metrics.gauge("alkaid_agent_info", "1; the agent's version.", 1, {{"version", ALKAID_VERSION}});
  metrics.gauge("alkaid_agent_uptime_seconds", "Time since the agent's start.", uptime.count());
  metrics.gauge("alkaid_agent_dataplane_connected", "1 if the agent has its data plane.",
                report.dataplane_connected() ? 1 : 0);
  metrics.gauge("alkaid_agent_in_sync", "1 if everything wanted and possible is programmed.",
                report.in_sync() ? 1 : 0);
  for (const auto& count : report.resources()) {
    constexpr const char* kName = "alkaid_agent_resources";
    constexpr const char* kHelp = "Resources known from goal states: in effect, or pending.";
    metrics.gauge(kName, kHelp, number(count.applied()),
                  {{"type", count.type()}, {"state", "applied"}});
    metrics.gauge(kName, kHelp, number(count.pending()),
                  {{"type", count.type()}, {"state", "pending"}});
  }
  metrics.gauge("alkaid_agent_unclaimed_objects",
                "Objects found in the data plane that no goal state has named since.",
                number(report.unclaimed_objects()));
  metrics.counter("alkaid_agent_goal_state_messages_total", "Goal-state messages taken.",
                  number(report.goal_states()));
  metrics.counter("alkaid_agent_operations_total", "Objects that this agent wrote.",
                  number(report.dataplane_operations()));
  metrics.gauge("alkaid_agent_connections", "Open goal-state connections.",
                number(connections.open));
  metrics.counter("alkaid_agent_connections_accepted_total", "Goal-state connections accepted.",
                  number(connections.accepted));
  metrics.counter("alkaid_agent_connections_refused_total",
                  "Goal-state connections refused for their number.", number(connections.refused));
}

}  // namespace alkaid::agent
