// Names that exist in the data plane now, for completion.
#pragma once

#include <string>
#include <vector>

#include "control/console/clients.hpp"
#include "control/console/command_tree.hpp"

namespace alkaid::console {

// At most `most` names, sorted, each once; none if the data plane does not answer within a second.
std::vector<std::string> live_names(Clients& clients, NameKind kind, std::size_t most = 200);

}  // namespace alkaid::console
