// Options about goal states on demand.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace alkaid::agent {

class OnDemandOptions {
 public:
  // `app` must not outlive this.
  void add_to(CLI::App& app);
  // After the parse: HOST:PORT, empty if nobody is to be asked; none with `error` filled in.
  [[nodiscard]] std::optional<std::string> ncm_address(std::string& error) const;
  [[nodiscard]] std::chrono::seconds idle() const { return std::chrono::seconds{idle_seconds_}; }

 private:
  std::string ncm_;
  std::string aca_address_;
  std::uint16_t aca_port_ = 9016;
  std::uint32_t idle_seconds_ = 60;
};

}  // namespace alkaid::agent
