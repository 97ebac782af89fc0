// A subnet's extra_dhcp_options.
#pragma once

#include "alcor/schema/subnet.pb.h"
#include "control/agent/goal_state/field_reader.hpp"
#include "control/agent/goal_state/resources.hpp"

namespace alkaid::agent {

// Reads them into the spec, whose cidr must be there: its address family decides which protocol a
// name or number without "option:" or "option6:" belongs to. dns_servers are replaced, so they must
// be there too. Of an option given twice the last one counts.
void read_subnet_options(const alcor::schema::SubnetConfiguration& configuration,
                         FieldReader& reader, SubnetSpec& spec);

}  // namespace alkaid::agent
