// Command line and configuration file of alkaid-agent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/agent/agent.hpp"

namespace alkaid::agent {

struct Options {
  AgentConfig agent;
  std::string log_level = "info";
  // ACA's options that were given and have no effect yet, as they were written: "-a"; and operands.
  std::vector<std::string> without_effect;
};

// What main has to do instead of running.
struct OptionsOutcome {
  std::optional<Options> options;
  int exit_code = 0;   // if there are none: 0 for --help and --version, 2 for bad usage
  std::string output;  // for stdout if the exit code is 0, else for stderr
};

OptionsOutcome parse_options(int argc, const char* const* argv);

}  // namespace alkaid::agent
