// The flags of server/channel_config.hpp.
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "control/agent/server/channel_config.hpp"

namespace alkaid::agent {

class ChannelOptions {
 public:
  void add_to(CLI::App& app);

  // After the command line was read; none with an error that names the flag.
  [[nodiscard]] std::optional<ChannelConfig> channel(std::string& error) const;

 private:
  ChannelConfig config_;
  TlsFiles tls_;
  bool plaintext_ = false;
  std::size_t message_megabytes_ = 512;
};

}  // namespace alkaid::agent
