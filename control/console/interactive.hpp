// Interactive use: prompt, line editing, history, completion, on librte_cmdline's rdline.
#pragma once

#include "control/console/session.hpp"

namespace alkaid::console {

// Reads commands from a terminal until quit, exit, Ctrl-D or the end of the input. The terminal's
// mode is what it was on every way out, also when a signal ends the process.
ExitCode run_interactive(Session& session, int input, int output);

}  // namespace alkaid::console
