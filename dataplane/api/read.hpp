#pragma once

#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// Every object of the chosen kinds, in batches that fit gRPC's default message size. Control
// thread.
std::vector<dataplane::v1::ReadResponse> read_objects(Dataplane& dataplane,
                                                      const dataplane::v1::ReadRequest& request);

}  // namespace alkaid
