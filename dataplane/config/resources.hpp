// From options to the host's resources.
#pragma once

#include "dataplane/config/options.hpp"
#include "dataplane/config/placement.hpp"

namespace alkaid {

// Chooses CPUs and memory as far as the operator left them open, and puts them into `options`. What
// comes back says why, of everything that --dry-run tells.
Placement choose_placement(Options& options, const HostSurvey& host);

// The text of --dry-run, with a line for each choice; or JSON:
//   {"choices": [{"name", "value", "reason"}], "eal_arguments": []}
std::string dry_run_text(const Options& options, const Placement& placement);
std::string dry_run_json(const Options& options, const Placement& placement);

}  // namespace alkaid
