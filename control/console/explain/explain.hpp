// The command `explain`: what the data plane would do with a packet.
#pragma once

#include "alkaid/dataplane/v1/dataplane.pb.h"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

Display explanation_display(const dataplane::v1::ExplainResponse& response);

// The command's node.
Node explain_node();

}  // namespace alkaid::console
