#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/control/dataplane.hpp"

namespace alkaid {

// Security groups as they are enforced, with the hits of every rule. Control thread.
void show_security_groups(Dataplane& dataplane,
                          const dataplane::v1::ShowSecurityGroupsRequest& request,
                          dataplane::v1::ShowSecurityGroupsResponse& response);

}  // namespace alkaid
