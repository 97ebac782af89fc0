// Options about the Network Config Manager and what is asked of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "control/agent/ncm/ncm_config.hpp"

namespace CLI {
class App;
}

namespace alkaid::agent {

class NcmOptions {
 public:
  // `app` must not outlive this.
  void add_to(CLI::App& app);
  // After the parse; none with `error` filled in. plaintext_agent: goal states come in plaintext,
  // and then the manager is asked so too unless it is said otherwise.
  [[nodiscard]] std::optional<NcmConfig> ncm(bool plaintext_agent, std::string& error) const;
  [[nodiscard]] std::chrono::seconds idle() const { return std::chrono::seconds{idle_seconds_}; }

 private:
  [[nodiscard]] std::optional<std::string> address(std::string& error) const;

  std::string ncm_;
  std::string aca_address_;
  std::uint16_t aca_port_ = 9016;
  bool tls_ = false;
  bool plaintext_ = false;
  TlsFiles tls_files_;
  std::string server_name_;
  std::uint32_t idle_seconds_ = 60;
};

}  // namespace alkaid::agent
