// Configuration files for CLI11, read by toml++.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace alkaid::agent {

// Keys are the long options' names; tables become prefixes ("a.b"). What isn't TOML is a
// CLI::ConversionError that says where.
class TomlConfig : public CLI::Config {
 public:
  std::string to_config(const CLI::App* app, bool defaults, bool description,
                        std::string prefix) const override;
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;
};

}  // namespace alkaid::agent
