#include "control/agent/server/goal_state_service.hpp"

#include "control/agent/server/goal_state_call.hpp"
#include "control/agent/server/goal_state_stream.hpp"

namespace alkaid::agent {

grpc::ServerUnaryReactor* GoalStateService::PushNetworkResourceStates(
    grpc::CallbackServerContext* /*context*/, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* reply) {
  return GoalStateCall::start(pipeline_, GoalStateFormat::kV1, *request, reply);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* GoalStateService::PushGoalStatesStream(
    grpc::CallbackServerContext* /*context*/) {
  return GoalStateStream::start(pipeline_);
}

grpc::ServerUnaryReactor* GoalStateService::PushGoalstates(grpc::CallbackServerContext* /*context*/,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* reply) {
  return GoalStateCall::start(pipeline_, GoalStateFormat::kNeighborRules, *request, reply);
}

grpc::ServerUnaryReactor* GoalStateService::RequestGoalStates(
    grpc::CallbackServerContext* context, const alcor::schema::HostRequest* /*request*/,
    alcor::schema::HostRequestReply* /*reply*/) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish({grpc::StatusCode::UNIMPLEMENTED,
                   "this is a host's agent: it calls RequestGoalStates of a Network Config Manager "
                   "and doesn't serve it"});
  return reactor;
}

}  // namespace alkaid::agent
