// Options of connection tracking.
#pragma once

#include <CLI/CLI.hpp>

#include "dataplane/flow/flow_state.hpp"

namespace alkaid {

void add_connection_options(CLI::App& app, FlowSettings& settings);

}  // namespace alkaid
