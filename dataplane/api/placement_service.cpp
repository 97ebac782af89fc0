#include "dataplane/api/placement_service.hpp"

#include <cstdint>
#include <future>
#include <optional>

#include <fmt/format.h>

namespace alkaid {
namespace {

// `work` says why it can't be done; empty: it is done.
template <class Work>
grpc::Status on_control_thread(Dataplane& dataplane, const Work& work) {
  try {
    const std::string refusal = dataplane.executor().run(work);
    return refusal.empty() ? grpc::Status::OK
                           : grpc::Status{grpc::StatusCode::INVALID_ARGUMENT, refusal};
  } catch (const std::future_error&) {
    return {grpc::StatusCode::UNAVAILABLE, "the data plane is stopping"};
  }
}

}  // namespace

grpc::Status PlacementService::MovePort(grpc::ServerContext* /*context*/,
                                        const api::MovePortRequest* request,
                                        api::MovePortResponse* /*response*/) {
  return on_control_thread(dataplane_, [&] {
    if (request->has_queue() && request->queue() >= kMostQueues) {
      return fmt::format("no port has a receive queue {}", request->queue());
    }
    const auto queue = request->has_queue()
                           ? std::optional{static_cast<std::uint16_t>(request->queue())}
                           : std::nullopt;
    return dataplane_.ports().move(request->id(), request->worker(), queue);
  });
}

grpc::Status PlacementService::SetWorker(grpc::ServerContext* /*context*/,
                                         const api::SetWorkerRequest* request,
                                         api::SetWorkerResponse* /*response*/) {
  return on_control_thread(dataplane_, [&] {
    return dataplane_.ports().set_active(request->worker(), request->active());
  });
}

grpc::Status PlacementService::GetPlacement(grpc::ServerContext* /*context*/,
                                            const api::GetPlacementRequest* /*request*/,
                                            api::GetPlacementResponse* response) {
  return on_control_thread(dataplane_, [&] {
    for (unsigned worker = 0; worker < dataplane_.workers().size(); ++worker) {
      if (!dataplane_.ports().is_active(worker)) {
        response->add_resting(worker);
      }
    }
    return std::string{};
  });
}

}  // namespace alkaid
