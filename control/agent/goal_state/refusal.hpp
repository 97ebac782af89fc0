// Why a resource of a goal state was refused.
#pragma once

#include <string>

namespace alkaid::agent {

// Names what a client sent wrong, so that its sender can be told what to send instead.
struct Refusal {
  std::string field;    // "configuration.mac_address"
  std::string value;    // as it came, fit for a log line
  std::string message;  // what was expected

  bool operator==(const Refusal&) const = default;
};

}  // namespace alkaid::agent
