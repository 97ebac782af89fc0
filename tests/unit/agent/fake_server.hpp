// A FakeDataplane behind the real local API on a Unix socket.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.grpc.pb.h"
#include "tests/unit/agent/fake_dataplane.hpp"

namespace alkaid::agent::test {

class FakeServer final : public api::Dataplane::Service {
 public:
  explicit FakeServer(const std::string& path) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    wake_.notify_all();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  // Runs with the tables locked.
  template <class Function>
  auto tables(const Function& function) {
    const std::lock_guard lock{mutex_};
    return function(tables_);
  }

  // From now on programming takes until release().
  void hold() {
    const std::lock_guard lock{mutex_};
    held_ = true;
  }
  void release() {
    {
      const std::lock_guard lock{mutex_};
      held_ = false;
    }
    wake_.notify_all();
  }
  // Whether something is held.
  bool holds() {
    const std::lock_guard lock{mutex_};
    return waiting_ > 0;
  }

  void raise(const api::Event& event) {
    {
      const std::lock_guard lock{mutex_};
      events_.push_back(event);
    }
    wake_.notify_all();
  }

  grpc::Status GetInfo(grpc::ServerContext*, const api::GetInfoRequest*,
                       api::GetInfoResponse* response) override {
    response->set_version("fake");
    auto& vtep = *response->add_vteps();
    const IpAddress address = IpAddress::parse("172.16.0.1").value();
    vtep.set_high(address.high());
    vtep.set_low(address.low());
    return grpc::Status::OK;
  }

  grpc::Status OpenSession(grpc::ServerContext*, const api::OpenSessionRequest*,
                           api::OpenSessionResponse* response) override {
    const std::lock_guard lock{mutex_};
    response->set_session(++session_);
    response->set_instance(tables_.instance);
    return grpc::Status::OK;
  }

  grpc::Status Apply(grpc::ServerContext*, const api::ApplyRequest* request,
                     api::ApplyResponse* response) override {
    std::unique_lock lock{mutex_};
    ++waiting_;
    wake_.wait(lock, [this] { return !held_ || stopping_; });
    --waiting_;
    if (request->session() != session_) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "an older session"};
    }
    tables_.apply(*request, *response);
    return grpc::Status::OK;
  }

  grpc::Status Read(grpc::ServerContext*, const api::ReadRequest*,
                    grpc::ServerWriter<api::ReadResponse>* writer) override {
    const std::lock_guard lock{mutex_};
    tables_.read([writer](const api::ReadResponse& response) { writer->Write(response); });
    return grpc::Status::OK;
  }

  grpc::Status WatchEvents(grpc::ServerContext* context, const api::WatchEventsRequest*,
                           grpc::ServerWriter<api::Event>* writer) override {
    writer->Write({});
    std::unique_lock lock{mutex_};
    while (!stopping_ && !context->IsCancelled()) {
      wake_.wait_for(lock, std::chrono::milliseconds{20});
      while (!events_.empty()) {
        writer->Write(events_.front());
        events_.pop_front();
      }
    }
    return grpc::Status::OK;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  FakeDataplane tables_;
  std::deque<api::Event> events_;
  std::uint64_t session_ = 0;
  bool held_ = false;
  int waiting_ = 0;
  bool stopping_ = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alkaid::agent::test
