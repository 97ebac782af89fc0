// Attachments that leave it open which VLAN of which trunk a port gets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alkaid::agent {

// Highest VLAN id that a port can have; 0 and 4095 are reserved (IEEE 802.1Q, 9.6).
inline constexpr std::uint16_t kHighestVlan = 4094;

// A VLAN of a trunk: "vlan:trunk0/100".
struct VlanAttachment {
  std::string trunk;
  std::uint16_t vlan = 0;

  bool operator==(const VlanAttachment&) const = default;

  [[nodiscard]] std::string text() const;
  // nullopt: it is none.
  static std::optional<VlanAttachment> parse(std::string_view attachment);
};

// "vlan:trunk0,trunk1/{vlan}", or "{vlan:100-199}" for some of the VLANs only.
struct OpenVlan {
  std::vector<std::string> trunks;
  std::uint16_t first = 1;
  std::uint16_t last = kHighestVlan;

  // Whether a port with this choice can have that VLAN.
  [[nodiscard]] bool allows(const VlanAttachment& attachment) const;
  // nullopt: it is none.
  static std::optional<OpenVlan> parse(std::string_view attachment);
};

}  // namespace alkaid::agent
