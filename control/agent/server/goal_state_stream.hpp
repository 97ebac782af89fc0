// One PushGoalStatesStream call.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include <grpcpp/grpcpp.h>

#include "control/agent/server/goal_state_pipeline.hpp"

namespace alkaid::agent {

// Any number of messages, one reply each, in order. Reads ahead of the replies up to a limit, so
// that messages that a client sends at once share their writes to the data plane. After the
// client's half-close and the last reply the call ends with OK. A stream that is never half-closed
// stays, at the cost of this object, until its connection goes.
//
// Owns itself: start() keeps it until gRPC reports it done; callbacks under way keep it longer.
class GoalStateStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                              public std::enable_shared_from_this<GoalStateStream> {
 public:
  static GoalStateStream* start(GoalStatePipeline& pipeline);

  explicit GoalStateStream(GoalStatePipeline& pipeline) : pipeline_(pipeline) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  static constexpr std::size_t kMostOutstanding = 64;
  static constexpr std::size_t kMostOutstandingBytes = 8U << 20;

  void submitted();
  void replied(std::size_t size, grpc::ByteBuffer reply);
  // Starts what can be started. gRPC's own calls are made with the lock held: they don't call back.
  void proceed();

  GoalStatePipeline& pipeline_;
  std::shared_ptr<GoalStateStream> self_;

  std::mutex mutex_;
  grpc::ByteBuffer incoming_;
  std::deque<grpc::ByteBuffer> replies_;  // the first is being written while writing_
  std::size_t outstanding_ = 0;           // messages without a written reply
  std::size_t outstanding_bytes_ = 0;     // of messages without a reply
  bool reading_ = false;
  bool decoding_ = false;  // the next message may not overtake this one
  bool writing_ = false;
  bool read_closed_ = false;
  bool broken_ = false;  // cancelled, or a write failed
  bool finished_ = false;
};

}  // namespace alkaid::agent
