// The flags of desired/policy.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "control/agent/desired/policy.hpp"

namespace alkaid::agent {

class PolicyOptions {
 public:
  void add_to(CLI::App& app);

  // After the command line was read; none with an error that names the flag.
  [[nodiscard]] std::optional<Policy> policy(std::string& error) const;

 private:
  std::vector<std::string> broadcast_;
  std::string source_guard_ = "on";
  std::vector<std::string> unguarded_ports_;
  std::vector<std::string> unguarded_owners_;
  std::string security_groups_ = "on";
  std::string default_policy_ = "open";
  std::string tcp_without_ports_ = "any";
  bool strict_revisions_ = false;
};

}  // namespace alkaid::agent
