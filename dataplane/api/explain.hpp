// Explaining a packet by way of the local API. Control thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// NOT_FOUND: no such port; INVALID_ARGUMENT names the field that is wrong or would have to be
// given.
grpc::Status explain_packet(Dataplane& dataplane, const dataplane::v1::ExplainRequest& request,
                            dataplane::v1::ExplainResponse& response);

}  // namespace alkaid
