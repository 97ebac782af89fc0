// Who has which VLAN of a trunk. Design: docs/design/vlan-trunk.md.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace alkaid {

// Highest VLAN id that a port can have; 0 and 4095 are reserved (IEEE 802.1Q, 9.6).
inline constexpr std::uint16_t kHighestVlan = 4094;

// Indexes of ports by VLAN id: 16 KiB for each trunk. The control thread writes, workers read.
class VlanPorts {
 public:
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  VlanPorts() {
    for (auto& port : ports_) {
      port.store(kNobody, std::memory_order_relaxed);
    }
  }

  // Any thread. control: a tag's 16 bits, of which priority and drop eligibility don't matter.
  [[nodiscard]] std::uint32_t find(std::uint16_t control) const {
    return ports_[control & 0xfffU].load(std::memory_order_acquire);
  }

  // Control thread. vlan: 1 to kHighestVlan.
  void set(std::uint16_t vlan, std::uint32_t port) {
    ports_[vlan].store(port, std::memory_order_release);
  }

 private:
  std::array<std::atomic<std::uint32_t>, 4096> ports_;
};

}  // namespace alkaid
