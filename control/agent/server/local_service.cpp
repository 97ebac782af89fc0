#include "control/agent/server/local_service.hpp"

#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "control/agent/server/goal_state_report.hpp"
#include "control/agent/server/slices_report.hpp"

namespace alkaid::agent {
namespace {

// One call that is answered from the reconciler's state. Owns itself: the answer may come after a
// cancellation.
template <class Response>
class Call final : public grpc::ServerUnaryReactor,
                   public std::enable_shared_from_this<Call<Response>> {
 public:
  explicit Call(Response* response) : response_(response) {}

  void keep() { self_ = this->shared_from_this(); }

  void answer(Response answer) {
    const std::lock_guard lock{mutex_};
    if (!finished_) {
      finished_ = true;
      *response_ = std::move(answer);
      Finish(grpc::Status::OK);
    }
  }

  void OnCancel() override {
    const std::lock_guard lock{mutex_};
    if (!finished_) {
      finished_ = true;
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override { const auto last = std::exchange(self_, nullptr); }

 private:
  std::shared_ptr<Call> self_;
  std::mutex mutex_;
  Response* response_;
  bool finished_ = false;
};

// One WatchEvents call: writes event after event, and waits for a poke when there is none.
class EventStream final : public grpc::ServerWriteReactor<v1::Event>,
                          public EventLog::Watcher,
                          public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(EventLog& events, bool only_new)
      : events_(events), next_(only_new ? events.end() : 0) {}

  void start() {
    self_ = shared_from_this();
    {
      const std::lock_guard lock{mutex_};
      writing_ = true;  // no event before this
      StartSendInitialMetadata();
    }
    events_.subscribe(self_);
  }

  void poke() override {
    const std::lock_guard lock{mutex_};
    proceed();
  }

  void OnSendInitialMetadataDone(bool ok) override { written(ok); }
  void OnWriteDone(bool ok) override { written(ok); }

  void OnCancel() override {
    const std::lock_guard lock{mutex_};
    broken_ = true;
    proceed();
  }

  void OnDone() override { const auto last = std::exchange(self_, nullptr); }

 private:
  void written(bool ok) {
    const std::lock_guard lock{mutex_};
    writing_ = false;
    broken_ = broken_ || !ok;
    proceed();
  }

  void proceed() {
    if (writing_ || finished_) {
      return;
    }
    if (broken_) {
      finished_ = true;
      Finish(grpc::Status::CANCELLED);
      return;
    }
    std::uint64_t lost = 0;
    const bool more = events_.next(next_, event_, lost);
    if (lost > 0 && any_written_) {
      --next_;  // first say that some are missing, then the one just found
      event_.Clear();
      event_.set_time_microseconds(now_microseconds());
      event_.set_severity(v1::Event::WARNING);
      event_.set_kind("events_lost");
      event_.set_message(fmt::format("{} events came faster than this watcher took them", lost));
    } else if (!more) {
      return;
    }
    any_written_ = true;
    writing_ = true;
    StartWrite(&event_);
  }

  EventLog& events_;
  std::shared_ptr<EventStream> self_;
  std::mutex mutex_;
  v1::Event event_;
  std::uint64_t next_;
  bool any_written_ = false;
  bool writing_ = false;
  bool broken_ = false;
  bool finished_ = false;
};

}  // namespace

grpc::ServerUnaryReactor* LocalService::GetConfig(grpc::CallbackServerContext* /*context*/,
                                                  const v1::GetConfigRequest* /*request*/,
                                                  v1::GetConfigResponse* response) {
  auto call = std::make_shared<Call<v1::GetConfigResponse>>(response);
  call->keep();
  reconciler_.look([this, call](Reconciler& reconciler) {
    v1::GetConfigResponse answer;
    reconciler.report(answer);
    answer.set_dataplane_answers(dataplane_answers_());
    answer.set_in_sync(answer.in_sync() && answer.dataplane_answers());
    answer.set_version(ALKAID_VERSION);
    answer.set_port_attach(port_attach_);
    if (const Durability* durability = reconciler_.durability(); durability != nullptr) {
      answer.set_state_file(durability->path());
      answer.set_state_problem(durability->problem());
    }
    answer.set_uptime_microseconds(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                       std::chrono::steady_clock::now() - started_)
                                       .count()));
    call->answer(std::move(answer));
  });
  return call.get();
}

grpc::ServerUnaryReactor* LocalService::GetGoalState(grpc::CallbackServerContext* /*context*/,
                                                     const v1::GetGoalStateRequest* request,
                                                     v1::GetGoalStateResponse* response) {
  auto call = std::make_shared<Call<v1::GetGoalStateResponse>>(response);
  call->keep();
  reconciler_.look([call, asked = *request](Reconciler& reconciler) {
    call->answer(report_goal_state(reconciler.wanted(), asked));
  });
  return call.get();
}

grpc::ServerUnaryReactor* LocalService::GetSlices(grpc::CallbackServerContext* /*context*/,
                                                  const v1::GetSlicesRequest* request,
                                                  v1::GetSlicesResponse* response) {
  auto call = std::make_shared<Call<v1::GetSlicesResponse>>(response);
  call->keep();
  reconciler_.look([call, asked = *request](Reconciler& reconciler) {
    call->answer(report_slices(reconciler.wanted().slices(), asked));
  });
  return call.get();
}

grpc::ServerWriteReactor<v1::Event>* LocalService::WatchEvents(
    grpc::CallbackServerContext* /*context*/, const v1::WatchEventsRequest* request) {
  auto stream = std::make_shared<EventStream>(events_, request->only_new());
  stream->start();
  return stream.get();
}

}  // namespace alkaid::agent
