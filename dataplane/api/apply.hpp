#pragma once

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// Carries out one Apply call: sets in dependency order, then deletes in reverse. Control thread.
grpc::Status apply(Dataplane& dataplane, const dataplane::v1::ApplyRequest& request,
                   dataplane::v1::ApplyResponse& response);

}  // namespace alkaid
