#include "dataplane/api/placement_service.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "dataplane/api/on_control_thread.hpp"

namespace alkaid {
namespace {

// Empty: it is done.
grpc::Status outcome(std::string refusal) {
  return refusal.empty() ? grpc::Status::OK
                         : grpc::Status{grpc::StatusCode::INVALID_ARGUMENT, std::move(refusal)};
}

}  // namespace

grpc::Status PlacementService::MovePort(grpc::ServerContext* /*context*/,
                                        const api::MovePortRequest* request,
                                        api::MovePortResponse* /*response*/) {
  return on_control_thread(dataplane_.executor(), [&] {
    if (request->has_queue() && request->queue() >= kMostQueues) {
      return outcome(fmt::format("no port has a receive queue {}", request->queue()));
    }
    const auto queue = request->has_queue()
                           ? std::optional{static_cast<std::uint16_t>(request->queue())}
                           : std::nullopt;
    return outcome(dataplane_.ports().move(request->id(), request->worker(), queue));
  });
}

grpc::Status PlacementService::SetWorker(grpc::ServerContext* /*context*/,
                                         const api::SetWorkerRequest* request,
                                         api::SetWorkerResponse* /*response*/) {
  return on_control_thread(dataplane_.executor(), [&] {
    return outcome(dataplane_.ports().set_active(request->worker(), request->active()));
  });
}

grpc::Status PlacementService::GetPlacement(grpc::ServerContext* /*context*/,
                                            const api::GetPlacementRequest* /*request*/,
                                            api::GetPlacementResponse* response) {
  return on_control_thread(dataplane_.executor(), [&] {
    for (unsigned worker = 0; worker < dataplane_.workers().size(); ++worker) {
      if (!dataplane_.ports().is_active(worker)) {
        response->add_resting(worker);
      }
    }
  });
}

}  // namespace alkaid
