// Runs command lines: what interactive use, scripts and one-shot calls share.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/console/clients.hpp"
#include "control/console/command_tree.hpp"
#include "control/console/display.hpp"

namespace alkaid::console {

struct Result {
  ExitCode code = ExitCode::kGood;
  std::string output;  // for the standard output
  std::string error;   // for the standard error, lines
  bool quit = false;
  // The command is to be run again after so many seconds, until the user stops it.
  std::optional<double> repeat_after_seconds;
};

class Session {
 public:
  // `json`: every answer as JSON, as if every line ended in --json. Both references must outlive
  // it.
  Session(const Node& root, Clients& clients, bool json)
      : root_(root), clients_(clients), json_(json) {}

  // Nothing is thrown for a wrong line or a process that does not answer.
  Result run(std::string_view line);

  [[nodiscard]] const Node& root() const { return root_; }
  [[nodiscard]] Clients& clients() { return clients_; }

 private:
  const Node& root_;
  Clients& clients_;
  const bool json_;
};

}  // namespace alkaid::console
