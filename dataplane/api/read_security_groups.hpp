#pragma once

#include <vector>

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "dataplane/policy/security_group_table.hpp"

namespace alkaid {

// Appends every group, large ones in parts of which only the first has `replace`, in batches that
// fit gRPC's default message size. Control thread.
void read_security_groups(const SecurityGroupTable& groups,
                          std::vector<dataplane::v1::ReadResponse>& batches);

}  // namespace alkaid
