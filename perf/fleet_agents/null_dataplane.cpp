#include "perf/fleet_agents/null_dataplane.hpp"

#include <chrono>
#include <stdexcept>

#include "control/common/net/ip_address.hpp"

namespace alkaid::perf {
namespace {

namespace api = alkaid::dataplane::v1;

// Stays open until the agent or the server goes.
class EventStream final : public grpc::ServerWriteReactor<api::Event> {
 public:
  explicit EventStream(grpc::CallbackServerContext& context) : context_(context) {
    StartWrite(&first_);
  }
  void OnWriteDone(bool /*ok*/) override {
    if (context_.IsCancelled()) {
      end();
    }
  }
  void OnCancel() override { end(); }
  void OnDone() override { delete this; }

 private:
  void end() {
    if (!is_ended_.exchange(true)) {
      Finish(grpc::Status::CANCELLED);
    }
  }

  grpc::CallbackServerContext& context_;
  const api::Event first_;
  std::atomic<bool> is_ended_{false};
};

class EmptyRead final : public grpc::ServerWriteReactor<api::ReadResponse> {
 public:
  EmptyRead() { Finish(grpc::Status::OK); }
  void OnDone() override { delete this; }
};

}  // namespace

class NullDataplane::Service final : public api::Dataplane::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context,
                                    const api::GetInfoRequest* /*request*/,
                                    api::GetInfoResponse* response) override {
    response->set_version("null data plane: forwards nothing");
    const IpAddress vtep{Ipv4Address{192U << 24 | 168U << 16 | 100U << 8 | 1}};
    auto& address = *response->add_vteps();
    address.set_high(vtep.high());
    address.set_low(vtep.low());
    return done(context);
  }

  grpc::ServerUnaryReactor* OpenSession(grpc::CallbackServerContext* context,
                                        const api::OpenSessionRequest* /*request*/,
                                        api::OpenSessionResponse* response) override {
    response->set_session(++sessions_);
    response->set_instance(1);
    return done(context);
  }

  grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context,
                                  const api::ApplyRequest* request,
                                  api::ApplyResponse* response) override {
    neighbors_ += static_cast<std::uint64_t>(request->set_neighbors().vni_size());
    for (const auto& port : request->set_ports()) {
      auto& status = *response->add_ports();
      status.set_id(port.id());
      status.set_state(api::ATTACHED);
    }
    return done(context);
  }

  grpc::ServerWriteReactor<api::ReadResponse>* Read(grpc::CallbackServerContext* /*context*/,
                                                    const api::ReadRequest* /*request*/) override {
    return new EmptyRead;
  }

  grpc::ServerWriteReactor<api::Event>* WatchEvents(
      grpc::CallbackServerContext* context, const api::WatchEventsRequest* /*request*/) override {
    return new EventStream{*context};
  }

  [[nodiscard]] std::uint64_t neighbors() const { return neighbors_; }

 private:
  static grpc::ServerUnaryReactor* done(grpc::CallbackServerContext* context) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  std::atomic<std::uint64_t> sessions_{0};
  std::atomic<std::uint64_t> neighbors_{0};
};

NullDataplane::NullDataplane(const std::vector<std::string>& sockets)
    : service_(std::make_unique<Service>()) {
  grpc::ServerBuilder builder;
  for (const std::string& socket : sockets) {
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  }
  builder.RegisterService(service_.get());
  builder.SetMaxReceiveMessageSize(-1);
  server_ = builder.BuildAndStart();
  if (!server_) {
    throw std::runtime_error("can't serve the null data plane's sockets");
  }
}

NullDataplane::~NullDataplane() {
  server_->Shutdown(std::chrono::system_clock::now());
}

std::uint64_t NullDataplane::neighbors() const {
  return service_->neighbors();
}

}  // namespace alkaid::perf
