#include "control/agent/server/goal_state_call.hpp"

#include <utility>

namespace alkaid::agent {

GoalStateCall* GoalStateCall::start(GoalStatePipeline& pipeline, GoalStateFormat format,
                                    const grpc::ByteBuffer& message, grpc::ByteBuffer* reply) {
  auto call = std::make_shared<GoalStateCall>(reply);
  call->self_ = call;
  pipeline.handle(
      format, call.get(), message, [] {},
      [call](grpc::ByteBuffer bytes) { call->replied(std::move(bytes)); });
  return call.get();
}

void GoalStateCall::replied(grpc::ByteBuffer reply) {
  const std::lock_guard lock{mutex_};
  if (!finished_) {
    finished_ = true;
    reply_->Swap(&reply);
    Finish(grpc::Status::OK);
  }
}

void GoalStateCall::OnCancel() {
  const std::lock_guard lock{mutex_};
  if (!finished_) {
    finished_ = true;
    Finish(grpc::Status::CANCELLED);
  }
}

void GoalStateCall::OnDone() {
  const auto last = std::exchange(self_, nullptr);
}

}  // namespace alkaid::agent
