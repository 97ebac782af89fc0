#include "control/agent/server/dataplane_probe.hpp"

#include <utility>

namespace alkaid::agent {
namespace {

namespace v1 = dataplane::v1;

// A data plane that starts again is on this host: it is found soon.
constexpr int kFirstReconnectMilliseconds = 100;
constexpr int kLongestReconnectMilliseconds = 200;

}  // namespace

DataplaneProbe::DataplaneProbe(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestReconnectMilliseconds);
  stub_ = v1::Dataplane::NewStub(grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments));
}

void DataplaneProbe::start(std::function<void()> changed) {
  changed_ = std::move(changed);
  thread_ = std::thread{[this] { run(); }};
}

void DataplaneProbe::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    if (asking_ != nullptr) {
      asking_->TryCancel();
    }
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

grpc::Status DataplaneProbe::ask() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) {
      return {grpc::StatusCode::CANCELLED, "stopping"};
    }
    asking_ = &context;
  }
  v1::GetInfoResponse response;
  grpc::Status status = stub_->GetInfo(&context, {}, &response);
  const std::lock_guard lock{mutex_};
  asking_ = nullptr;
  return status;
}

void DataplaneProbe::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    const bool answers = ask().ok();
    if (answers_.exchange(answers) != answers) {
      changed_();
    }
    lock.lock();
    wake_.wait_for(lock, kInterval, [this] { return stopping_; });
  }
}

}  // namespace alkaid::agent
