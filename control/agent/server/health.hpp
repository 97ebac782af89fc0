// What the agent's health checks (grpc.health.v1) say.
#pragma once

#include <grpcpp/health_check_service_interface.h>

namespace alkaid::agent {

// Services by name:
//   ""          readiness: there is a data plane, and it has everything wanted and possible
//   "liveness"  the agent runs
//   "alcor.schema.GoalStateProvisioner"  goal states are taken, also without a data plane
void set_health(grpc::HealthCheckServiceInterface& health, bool ready);

}  // namespace alkaid::agent
