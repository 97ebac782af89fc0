#include "control/agent/metrics/state_metrics.hpp"

namespace alkaid::agent {

void add_state_metrics(MetricSet& metrics, const Durability& durability) {
  metrics.gauge("alkaid_agent_state_stored",
                "1 if an agent that starts now would know every goal state that is in effect; 0: "
                "the disk takes none, and goal states are answered FAILURE.",
                durability.problem().empty() ? 1 : 0);
}

}  // namespace alkaid::agent
