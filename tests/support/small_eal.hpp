// DPDK for tests that need the memory of its quiescent states and tables alone.
#pragma once

#include <array>
#include <string>

#include <rte_eal.h>

namespace alkaid {

// Starts it once for the process; false if it can't be.
inline bool start_small_eal() {
  static const bool started = [] {
    std::array<std::string, 8> words{"flow-threads",   "--no-huge", "--no-shconf", "--no-pci",
                                     "--no-telemetry", "-m",        "32",          "--lcores=0@0"};
    std::array<char*, 8> pointers{};
    for (std::size_t i = 0; i < words.size(); ++i) {
      pointers[i] = words[i].data();
    }
    return rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) >= 0;
  }();
  return started;
}

}  // namespace alkaid
