// alkaid-console: looks at a running data plane and its agent.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "control/common/instance.hpp"
#include "control/common/logging.hpp"
#include "control/console/commands.hpp"
#include "control/console/interactive.hpp"
#include "control/console/run.hpp"
#include "control/console/session.hpp"
#include "control/console/words.hpp"

namespace {

// CLI11 knows nothing of the words that the console's own parser takes.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return "Usage: alkaid-console [OPTIONS] [COMMAND...]\n";
  }
};

using namespace alkaid;
using namespace alkaid::console;

constexpr const char* kFooter = R"(
Without COMMAND the console is interactive; with a pipe or a file as standard input it runs the lines
of that as a script and stops at the first that fails. Leaving the console stops nothing.

  alkaid-console                                   interactive, on the instance "default"
  alkaid-console --instance host-1 show port       one command
  alkaid-console --json show drops                 for programs: {"drops": [{"port": ...}]}
  alkaid-console watch 2 show port                 until Ctrl-C
  alkaid-console help                              all commands

Exit code: 0 done; 1 the process refused; 2 wrong command or flag; 3 a process does not answer;
4 an explained packet would be dropped.)";

int run(int argc, char** argv) {
  CLI::App app{"Console of an Alkaid data plane and its agent."};
  app.set_help_flag("--help", "show this help");
  app.set_version_flag("--version", std::string{"alkaid-console " ALKAID_VERSION});
  app.footer(kFooter);
  app.failure_message(CLI::FailureMessage::simple);
  app.prefix_command();
  app.formatter(std::make_shared<HelpFormatter>());

  std::string name = "default";
  std::string run_directory;
  bool json = false;
  app.add_option("--instance", name, "which instance, of those below /run/alkaid")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--run-dir", run_directory, "the instance's run directory, if it is elsewhere")
      ->type_name("DIR");
  app.add_flag("--json", json, "answers as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(app.exit(error) == 0 ? ExitCode::kGood : ExitCode::kBadCommand);
  }

  const auto instance = Instance::make(name, run_directory);
  if (!instance) {
    fmt::print(stderr,
               "alkaid-console: --instance {}: expected 1 to 64 letters, digits, '_', '-' or '.', "
               "not beginning with '.'\n",
               printable(name));
    return static_cast<int>(ExitCode::kBadCommand);
  }
  Clients clients{*instance};
  Session session{command_tree(), clients, json};

  std::string line;
  for (const std::string& word : app.remaining()) {
    // The shell has taken the user's quotes off; a lone | is the console's pipe.
    line += (line.empty() ? "" : " ") + (word == "|" ? word : quote_word(word));
  }
  if (!line.empty()) {
    return static_cast<int>(run_once(session, line));
  }
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) {
    return static_cast<int>(run_script(session, std::cin));
  }
  return static_cast<int>(run_interactive(session, STDIN_FILENO, STDOUT_FILENO));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "alkaid-console: {}\n", error.what());
    return static_cast<int>(ExitCode::kRefused);
  }
}
