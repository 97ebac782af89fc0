// One unary goal-state call.
#pragma once

#include <memory>
#include <mutex>

#include <grpcpp/grpcpp.h>

#include "control/agent/server/goal_state_pipeline.hpp"

namespace alkaid::agent {

// Owns itself, as GoalStateStream.
class GoalStateCall final : public grpc::ServerUnaryReactor,
                            public std::enable_shared_from_this<GoalStateCall> {
 public:
  // reply belongs to gRPC and is valid until the call is finished.
  static GoalStateCall* start(GoalStatePipeline& pipeline, GoalStateFormat format,
                              const grpc::ByteBuffer& message, grpc::ByteBuffer* reply);

  explicit GoalStateCall(grpc::ByteBuffer* reply) : reply_(reply) {}

  void OnCancel() override;
  void OnDone() override;

 private:
  void replied(grpc::ByteBuffer reply);

  std::shared_ptr<GoalStateCall> self_;
  std::mutex mutex_;
  grpc::ByteBuffer* reply_;
  bool finished_ = false;
};

}  // namespace alkaid::agent
