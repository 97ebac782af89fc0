// Services that every gRPC server of ours has beside its own.
#pragma once

namespace alkaid {

// Servers that are built from now on serve grpc.health.v1.Health and
// grpc.reflection.v1alpha.ServerReflection. May be repeated; not while a server is built.
void offer_health_and_reflection();

}  // namespace alkaid
