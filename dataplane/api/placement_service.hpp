// The local API's calls about workers and their ports.
#pragma once

#include "alkaid/dataplane/v1/placement.grpc.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

namespace api = alkaid::dataplane::v1;

// gRPC's threads; the control thread does the work.
class PlacementService final : public api::Placement::Service {
 public:
  explicit PlacementService(Dataplane& dataplane) : dataplane_(dataplane) {}

  grpc::Status MovePort(grpc::ServerContext* context, const api::MovePortRequest* request,
                        api::MovePortResponse* response) override;
  grpc::Status SetWorker(grpc::ServerContext* context, const api::SetWorkerRequest* request,
                         api::SetWorkerResponse* response) override;
  grpc::Status GetPlacement(grpc::ServerContext* context, const api::GetPlacementRequest* request,
                            api::GetPlacementResponse* response) override;

 private:
  Dataplane& dataplane_;
};

}  // namespace alkaid
