#include "control/console/raw_terminal.hpp"

#include <array>
#include <atomic>
#include <csignal>

#include <termios.h>

namespace alkaid::console {
namespace {

constexpr std::array kFatalSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// Signal handlers reach nothing else. The descriptor is -1 while there is nothing to restore.
std::atomic<int> raw_descriptor{-1};
termios saved_mode{};
std::array<struct sigaction, kFatalSignals.size()> saved_actions{};

void restore_mode() {
  const int descriptor = raw_descriptor.exchange(-1);
  if (descriptor >= 0) {
    ::tcsetattr(descriptor, TCSANOW, &saved_mode);
  }
}

void restore_and_die(int signal) {
  restore_mode();
  ::raise(signal);  // SA_RESETHAND has put the default action back
}

}  // namespace

std::optional<RawTerminal> RawTerminal::enter(int descriptor) {
  if (::tcgetattr(descriptor, &saved_mode) != 0) {
    return std::nullopt;
  }
  termios mode = saved_mode;
  mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
  mode.c_iflag &= ~static_cast<tcflag_t>(IXON);
  mode.c_cc[VMIN] = 1;
  mode.c_cc[VTIME] = 0;
  raw_descriptor = descriptor;
  for (std::size_t i = 0; i < kFatalSignals.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = restore_and_die;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigemptyset(&action.sa_mask);
    ::sigaction(kFatalSignals[i], &action, &saved_actions[i]);
  }
  if (::tcsetattr(descriptor, TCSADRAIN, &mode) != 0) {
    raw_descriptor = -1;
  }
  return RawTerminal{};
}

RawTerminal::~RawTerminal() {
  if (!owner_) {
    return;
  }
  restore_mode();
  for (std::size_t i = 0; i < kFatalSignals.size(); ++i) {
    ::sigaction(kFatalSignals[i], &saved_actions[i], nullptr);
  }
}

}  // namespace alkaid::console
