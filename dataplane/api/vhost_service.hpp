// The local API's call about guests by vhost-user.
#pragma once

#include "alkaid/dataplane/v1/vhost.grpc.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// gRPC's threads; the control thread does the work.
class VhostService final : public dataplane::v1::Vhost::Service {
 public:
  explicit VhostService(Dataplane& dataplane) : dataplane_(dataplane) {}

  grpc::Status ShowVhost(grpc::ServerContext* context,
                         const dataplane::v1::ShowVhostRequest* request,
                         dataplane::v1::ShowVhostResponse* response) override;

 private:
  Dataplane& dataplane_;
};

}  // namespace alkaid
