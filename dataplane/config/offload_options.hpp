// Options of hardware offload.
#pragma once

#include <CLI/CLI.hpp>

#include "dataplane/offload/offload_settings.hpp"

namespace alkaid {

void add_offload_options(CLI::App& app, OffloadSettings& settings);

}  // namespace alkaid
