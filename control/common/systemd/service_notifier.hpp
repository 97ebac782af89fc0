// What a service manager is told about this process (systemd's sd_notify).
#pragma once

#include <chrono>
#include <string>

namespace alkaid {

// Without a service manager (NOTIFY_SOCKET unset) nothing is sent. One thread at a time.
class ServiceNotifier {
 public:
  // Reads WATCHDOG_USEC.
  ServiceNotifier();

  // Still on the way to ready(), and getting on: call often. What a start may take
  // (TimeoutStartSec) counts anew from the last call.
  void starting();
  // Serving now. status: one line for "systemctl status".
  void ready(const std::string& status);
  void status(const std::string& status);
  void stopping();

  // "Still alive": call often, costs nothing until half of the watchdog's time has passed since the
  // last one was sent. Not called any more, the service manager ends and restarts the process.
  void alive();

 private:
  std::chrono::microseconds interval_{0};  // 0: no watchdog
  std::chrono::steady_clock::time_point next_;
  std::chrono::steady_clock::time_point next_extension_;
};

}  // namespace alkaid
