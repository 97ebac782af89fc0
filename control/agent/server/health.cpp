#include "control/agent/server/health.hpp"

namespace alkaid::agent {

void set_health(grpc::HealthCheckServiceInterface& health, bool ready) {
  health.SetServingStatus("", ready);
  health.SetServingStatus("liveness", true);
  health.SetServingStatus("alcor.schema.GoalStateProvisioner", true);
}

}  // namespace alkaid::agent
