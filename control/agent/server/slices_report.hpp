// What slices have, for consoles.
#pragma once

#include "alkaid/agent/v1/agent.pb.h"
#include "control/agent/desired/slices.hpp"

namespace alkaid::agent {

// Of the slice that the request names, or of all; of each at most 64 other holders. On the slices'
// thread.
v1::GetSlicesResponse report_slices(const Slices& slices, const v1::GetSlicesRequest& request);

}  // namespace alkaid::agent
