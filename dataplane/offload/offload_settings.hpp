#pragma once

#include <chrono>
#include <cstdint>

namespace alkaid {

struct OffloadSettings {
  bool is_on = false;                 // where hardware can
  std::uint32_t after_packets = 64;   // of both directions, before a connection has earned it
  std::uint32_t connections = 65536;  // in hardware at once
  std::uint32_t idle_seconds = 10;    // without a packet, after which its rules go
  // An answer waits for rules to be removed, and the process's end for drivers.
  std::chrono::milliseconds longest_wait{2000};

  // Of rules that a switch may be given: each direction of a connection has two at most.
  [[nodiscard]] std::uint32_t rules() const { return 4 * connections; }
};

}  // namespace alkaid
