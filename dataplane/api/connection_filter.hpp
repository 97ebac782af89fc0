#pragma once

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"
#include "dataplane/flow/connection_search.hpp"

namespace alkaid {

// Control thread. The filter is good for as long as the data plane; INVALID_ARGUMENT names the
// field that can't be, NOT_FOUND the port that there isn't.
grpc::Status from_api(Dataplane& dataplane, const dataplane::v1::ConnectionFilter& message,
                      ConnectionFilter& filter);

}  // namespace alkaid
