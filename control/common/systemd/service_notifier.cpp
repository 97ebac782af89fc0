#include "control/common/systemd/service_notifier.hpp"

#include <algorithm>
#include <cstdint>

#include <systemd/sd-daemon.h>

namespace alkaid {
namespace {

constexpr int kKeepEnvironment = 0;
constexpr std::chrono::seconds kExtensionInterval{5};
constexpr std::chrono::microseconds kExtension = std::chrono::seconds{60};

void send(const std::string& state) {
  ::sd_notify(kKeepEnvironment, state.c_str());
}

// A new line would be another assignment.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

ServiceNotifier::ServiceNotifier() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(kKeepEnvironment, &microseconds) > 0) {
    interval_ = std::chrono::microseconds{microseconds / 2};
  }
}

void ServiceNotifier::starting() {
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_extension_) {
    next_extension_ = now + kExtensionInterval;
    send("EXTEND_TIMEOUT_USEC=" + std::to_string(kExtension.count()));
  }
}

void ServiceNotifier::ready(const std::string& status) {
  send("READY=1\nSTATUS=" + one_line(status));
}

void ServiceNotifier::status(const std::string& status) {
  send("STATUS=" + one_line(status));
}

void ServiceNotifier::stopping() {
  send("STOPPING=1");
}

void ServiceNotifier::alive() {
  if (interval_.count() == 0) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_) {
    next_ = now + interval_;
    send("WATCHDOG=1");
  }
}

}  // namespace alkaid
