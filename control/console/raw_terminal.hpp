// A terminal in the mode that line editing needs.
#pragma once

#include <optional>

namespace alkaid::console {

// Character by character, no echo, Ctrl-C as a byte, for as long as it lives. The former mode comes
// back also when SIGINT, SIGTERM, SIGHUP or SIGQUIT ends the process. One at a time per process.
class RawTerminal {
 public:
  // nullopt if the descriptor is no terminal.
  static std::optional<RawTerminal> enter(int descriptor);

  RawTerminal(RawTerminal&& other) noexcept : owner_(other.owner_) { other.owner_ = false; }
  RawTerminal& operator=(RawTerminal&&) = delete;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  RawTerminal() = default;

  bool owner_ = true;
};

}  // namespace alkaid::console
