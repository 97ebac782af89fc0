#include "control/agent/server/goal_state_stream.hpp"

#include <utility>

namespace alkaid::agent {

GoalStateStream* GoalStateStream::start(GoalStatePipeline& pipeline) {
  auto stream = std::make_shared<GoalStateStream>(pipeline);
  stream->self_ = stream;
  const std::lock_guard lock{stream->mutex_};
  stream->proceed();
  return stream.get();
}

void GoalStateStream::proceed() {
  if (finished_) {
    return;
  }
  if (!broken_) {
    if (!reading_ && !decoding_ && !read_closed_ && outstanding_ < kMostOutstanding &&
        outstanding_bytes_ < kMostOutstandingBytes) {
      reading_ = true;
      StartRead(&incoming_);
    }
    if (!writing_ && !replies_.empty()) {
      writing_ = true;
      StartWrite(&replies_.front());
    }
  }
  const bool complete = read_closed_ && outstanding_ == 0;
  if ((complete || broken_) && !reading_ && !writing_) {
    finished_ = true;
    Finish(broken_ ? grpc::Status::CANCELLED : grpc::Status::OK);
  }
}

void GoalStateStream::OnReadDone(bool ok) {
  grpc::ByteBuffer message;
  {
    const std::lock_guard lock{mutex_};
    reading_ = false;
    if (!ok) {
      read_closed_ = true;
      proceed();
      return;
    }
    message.Swap(&incoming_);
    decoding_ = true;
    ++outstanding_;
    outstanding_bytes_ += message.Length();
  }
  const std::size_t size = message.Length();
  const auto self = shared_from_this();
  pipeline_.handle(
      GoalStateFormat::kV2, this, std::move(message), [self] { self->submitted(); },
      [self, size](grpc::ByteBuffer reply) { self->replied(size, std::move(reply)); });
}

void GoalStateStream::submitted() {
  const std::lock_guard lock{mutex_};
  decoding_ = false;
  proceed();
}

void GoalStateStream::replied(std::size_t size, grpc::ByteBuffer reply) {
  const std::lock_guard lock{mutex_};
  outstanding_bytes_ -= size;
  replies_.push_back(std::move(reply));
  proceed();
}

void GoalStateStream::OnWriteDone(bool ok) {
  const std::lock_guard lock{mutex_};
  writing_ = false;
  replies_.pop_front();
  --outstanding_;
  broken_ = broken_ || !ok;
  proceed();
}

void GoalStateStream::OnCancel() {
  const std::lock_guard lock{mutex_};
  broken_ = true;
  proceed();
}

void GoalStateStream::OnDone() {
  // Destroys the object unless a message is still on its way.
  const auto last = std::exchange(self_, nullptr);
}

}  // namespace alkaid::agent
