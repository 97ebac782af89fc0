// The local API's calls about connections that hardware forwards.
#pragma once

#include "alkaid/dataplane/v1/offload.grpc.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// gRPC's threads; the control thread does the work.
class OffloadService final : public dataplane::v1::Offload::Service {
 public:
  explicit OffloadService(Dataplane& dataplane) : dataplane_(dataplane) {}

  grpc::Status ShowOffload(grpc::ServerContext* context,
                           const dataplane::v1::ShowOffloadRequest* request,
                           dataplane::v1::ShowOffloadResponse* response) override;
  grpc::Status SetOffload(grpc::ServerContext* context,
                          const dataplane::v1::SetOffloadRequest* request,
                          dataplane::v1::SetOffloadResponse* response) override;

 private:
  Dataplane& dataplane_;
};

}  // namespace alkaid
