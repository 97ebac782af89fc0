// alcor.schema.GoalStateProvisioner, the agent's side.
#pragma once

#include <grpcpp/grpcpp.h>

#include "alcor/schema/goalstateprovisioner.grpc.pb.h"
#include "control/agent/server/goal_state_pipeline.hpp"

namespace alkaid::agent {

// Messages are taken as bytes and parsed by the pipeline: gRPC's threads never wait for a parse of
// megabytes, and bytes that are no goal state get an answer instead of an error that stalls a
// client.
using GoalStateServiceBase =
    alcor::schema::GoalStateProvisioner::WithRawCallbackMethod_PushNetworkResourceStates<
        alcor::schema::GoalStateProvisioner::WithRawCallbackMethod_PushGoalStatesStream<
            alcor::schema::GoalStateProvisioner::WithRawCallbackMethod_PushGoalstates<
                alcor::schema::GoalStateProvisioner::WithCallbackMethod_RequestGoalStates<
                    alcor::schema::GoalStateProvisioner::Service>>>>;

class GoalStateService final : public GoalStateServiceBase {
 public:
  explicit GoalStateService(GoalStatePipeline& pipeline) : pipeline_(pipeline) {}

  grpc::ServerUnaryReactor* PushNetworkResourceStates(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* reply) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* PushGoalStatesStream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* PushGoalstates(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* reply) override;
  // Served by Network Config Managers, not by agents.
  grpc::ServerUnaryReactor* RequestGoalStates(grpc::CallbackServerContext* context,
                                              const alcor::schema::HostRequest* request,
                                              alcor::schema::HostRequestReply* reply) override;

 private:
  GoalStatePipeline& pipeline_;
};

}  // namespace alkaid::agent
