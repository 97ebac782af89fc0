#include "control/agent/on_demand/miss_source.hpp"

namespace alkaid::agent {
namespace {

namespace v1 = dataplane::v1;
using namespace std::chrono_literals;

constexpr auto kEndTimeout = 500ms;
constexpr auto kUseTimeout = 30s;

}  // namespace

MissSource::MissSource(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A data plane that starts again is on this host: it is found soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  stub_ = v1::Dataplane::NewStub(grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments));
}

grpc::Status MissSource::call(std::chrono::milliseconds deadline,
                              const std::function<grpc::Status(grpc::ClientContext&)>& run) {
  grpc::ClientContext context;
  if (deadline.count() > 0) {
    context.set_deadline(std::chrono::system_clock::now() + deadline);
  }
  {
    const std::lock_guard lock{mutex_};
    if (stopping_) {
      return {grpc::StatusCode::CANCELLED, "stopping"};
    }
    active_.insert(&context);
  }
  grpc::Status status = run(context);
  const std::lock_guard lock{mutex_};
  active_.erase(&context);
  return status;
}

grpc::Status MissSource::watch(const std::function<void(const v1::MissBatch&)>& take) {
  return call(0ms, [&](grpc::ClientContext& context) {
    const auto reader = stub_->WatchMisses(&context, {});
    v1::MissBatch batch;
    while (reader->Read(&batch)) {
      take(batch);
    }
    return reader->Finish();
  });
}

void MissSource::end_misses(const std::vector<std::uint64_t>& misses) {
  call(kEndTimeout, [&](grpc::ClientContext& context) {
    v1::EndMissesRequest request;
    request.mutable_ids()->Add(misses.begin(), misses.end());
    v1::EndMissesResponse response;
    return stub_->EndMisses(&context, request, &response);
  });
}

std::vector<std::uint32_t> MissSource::read_use(const std::vector<NeighborKey>& keys) {
  std::vector<std::uint32_t> idle;
  call(kUseTimeout, [&](grpc::ClientContext& context) {
    v1::ReadNeighborUseRequest request;
    auto& rows = *request.mutable_neighbors();
    for (const NeighborKey& key : keys) {
      rows.add_vni(key.vni.number());
      rows.add_ip_high(key.address.high());
      rows.add_ip_low(key.address.low());
    }
    v1::ReadNeighborUseResponse response;
    const grpc::Status status = stub_->ReadNeighborUse(&context, request, &response);
    if (status.ok() && static_cast<std::size_t>(response.idle_milliseconds_size()) == keys.size()) {
      idle.assign(response.idle_milliseconds().begin(), response.idle_milliseconds().end());
    }
    return status;
  });
  return idle;
}

void MissSource::stop() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  for (grpc::ClientContext* context : active_) {
    context->TryCancel();
  }
}

}  // namespace alkaid::agent
