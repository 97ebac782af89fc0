// The local API's call about devices by AF_XDP.
#pragma once

#include "alkaid/dataplane/v1/xdp.grpc.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// gRPC's threads; the control thread does the work.
class XdpService final : public dataplane::v1::Xdp::Service {
 public:
  explicit XdpService(Dataplane& dataplane) : dataplane_(dataplane) {}

  grpc::Status ShowXdp(grpc::ServerContext* context, const dataplane::v1::ShowXdpRequest* request,
                       dataplane::v1::ShowXdpResponse* response) override;

 private:
  Dataplane& dataplane_;
};

}  // namespace alkaid
