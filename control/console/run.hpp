// One-shot commands and scripts; interactive use is in interactive.hpp.
#pragma once

#include <istream>
#include <string>

#include "control/console/session.hpp"

namespace alkaid::console {

// Runs one line and prints its result; repeats it if it is a watch, until a signal ends the
// process.
ExitCode run_once(Session& session, const std::string& line);

// Runs the lines of a script one by one, echoes nothing, and stops at the first that fails: its
// number and message go to the standard error, its code is returned. Empty lines and # comments are
// skipped.
ExitCode run_script(Session& session, std::istream& script);

}  // namespace alkaid::console
