#include "control/agent/reconcile/grpc_dataplane_client.hpp"

#include <sys/stat.h>

#include <chrono>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "control/agent/reconcile/object_codec.hpp"

namespace alkaid::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kConnectTimeout = 2s;
constexpr auto kReadTimeout = 60s;
constexpr auto kApplyTimeout = 30s;

}  // namespace

grpc::Status GrpcDataplaneClient::call(
    std::chrono::milliseconds timeout,
    const std::function<grpc::Status(grpc::ClientContext&)>& run) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  {
    const std::lock_guard lock{mutex_};
    if (interrupted_) {
      return {grpc::StatusCode::CANCELLED, "stopping"};
    }
    active_ = &context;
  }
  grpc::Status status = run(context);
  const std::lock_guard lock{mutex_};
  active_ = nullptr;
  return status;
}

void GrpcDataplaneClient::interrupt() {
  const std::lock_guard lock{mutex_};
  interrupted_ = true;
  if (active_ != nullptr) {
    active_->TryCancel();
  }
  if (watching_) {
    watching_->TryCancel();
  }
}

grpc::Status GrpcDataplaneClient::connect(DataplaneHello& hello) {
  close();
  struct stat information {};
  if (::stat(socket_path_.c_str(), &information) != 0) {
    return {grpc::StatusCode::UNAVAILABLE, fmt::format("{} does not exist", socket_path_)};
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Every attempt is a connection of its own: no back-off inherited from the last one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  stub_ = api::Dataplane::NewStub(grpc::CreateCustomChannel(
      "unix:" + socket_path_, grpc::InsecureChannelCredentials(), arguments));
  ++connection_;

  grpc::Status status = call(kConnectTimeout, [&](grpc::ClientContext& context) {
    api::OpenSessionRequest request;
    request.set_client("alkaid-agent " ALKAID_VERSION);
    api::OpenSessionResponse response;
    const grpc::Status result = stub_->OpenSession(&context, request, &response);
    session_ = response.session();
    hello.instance = response.instance();
    return result;
  });
  if (!status.ok()) {
    return status;
  }
  status = call(kConnectTimeout, [&](grpc::ClientContext& context) {
    api::GetInfoResponse response;
    const grpc::Status result = stub_->GetInfo(&context, {}, &response);
    hello.version = response.version();
    for (const auto& vtep : response.vteps()) {
      hello.vteps.push_back(decode(vtep));
    }
    return result;
  });
  return status.ok() ? watch_events() : status;
}

grpc::Status GrpcDataplaneClient::watch_events() {
  auto context = std::make_shared<grpc::ClientContext>();
  {
    const std::lock_guard lock{mutex_};
    if (interrupted_) {
      return {grpc::StatusCode::CANCELLED, "stopping"};
    }
    watching_ = context;
  }
  auto confirmed = std::make_shared<std::promise<void>>();
  auto confirmation = confirmed->get_future();
  watcher_ =
      std::thread{[this, connection = connection_, context, stub = stub_, confirmed]() mutable {
        watch(connection, context, stub, [&confirmed] { confirmed->set_value(); });
        confirmed.reset();
      }};
  confirmed.reset();  // so that a stream which ends early breaks the promise
  if (confirmation.wait_for(kConnectTimeout) != std::future_status::ready) {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "WatchEvents is not confirmed"};
  }
  try {
    confirmation.get();
  } catch (const std::future_error&) {
    return {grpc::StatusCode::UNAVAILABLE, "WatchEvents ended at once"};
  }
  return grpc::Status::OK;
}

void GrpcDataplaneClient::watch(std::uint64_t connection,
                                std::shared_ptr<grpc::ClientContext> context,
                                std::shared_ptr<Stub> stub, std::function<void()> confirmed) {
  const auto reader = stub->WatchEvents(context.get(), {});
  api::Event event;
  if (reader->Read(&event)) {
    confirmed();
    while (reader->Read(&event)) {
      if (event.has_port() && listener_.port_changed) {
        listener_.port_changed(event.port());
      }
      if (event.has_table() && listener_.table_changed) {
        listener_.table_changed(event.table());
      }
    }
  }
  const grpc::Status status = reader->Finish();
  if (listener_.lost) {
    listener_.lost(connection, status.error_message().empty() ? "the event stream ended"
                                                              : status.error_message());
  }
}

grpc::Status GrpcDataplaneClient::read(const std::function<void(const api::ReadResponse&)>& take) {
  return call(kReadTimeout, [&](grpc::ClientContext& context) {
    const auto reader = stub_->Read(&context, {});
    api::ReadResponse response;
    while (reader->Read(&response)) {
      take(response);
    }
    return reader->Finish();
  });
}

grpc::Status GrpcDataplaneClient::apply(api::ApplyRequest& request, api::ApplyResponse& response) {
  request.set_session(session_);
  return call(kApplyTimeout, [&](grpc::ClientContext& context) {
    return stub_->Apply(&context, request, &response);
  });
}

void GrpcDataplaneClient::close() {
  {
    const std::lock_guard lock{mutex_};
    if (watching_) {
      watching_->TryCancel();
    }
  }
  if (watcher_.joinable()) {
    watcher_.join();
  }
  const std::lock_guard lock{mutex_};
  watching_.reset();
  stub_.reset();
}

}  // namespace alkaid::agent
