// How a tenant's port attaches to the data plane: the template of --port-attach.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/agent/goal_state/refusal.hpp"

namespace alkaid::agent {

// What a template's placeholders stand for.
struct PortNames {
  std::string_view port_id;
  std::string_view port_name;
  std::string_view device_id;
  std::string mac;  // aa:bb:cc:dd:ee:ff
};

// "tap" and the port's id, cut to 14 characters: the device name that Nova and ACA use.
std::string tap_name(std::string_view port_id);

// "KIND:TEXT" with placeholders {tap_name}, {port_id}, {port_name}, {device_id}, {mac} in TEXT; or
// "vlan:TRUNKS/{vlan}", which stays as it is until the reconciler chooses a VLAN (OpenVlan).
// Immutable, so any thread may use it.
class PortAttach {
 public:
  // nullopt if kind or placeholder is unknown, or if no port could attach so; `error` then says so
  // and lists what is valid.
  static std::optional<PortAttach> parse(std::string_view text, std::string& error);

  [[nodiscard]] const std::string& text() const { return text_; }

  // The attachment of one port. Names come from clients and end up in device and file names, so
  // nullopt if one holds anything that could lead elsewhere, or if the whole is none that the data
  // plane would take; `refusal` then names it.
  [[nodiscard]] std::optional<std::string> expand(const PortNames& names, Refusal& refusal) const;

 private:
  enum class Placeholder { kNone, kTapName, kPortId, kPortName, kDeviceId, kMac };
  struct Piece {
    std::string literal;
    Placeholder placeholder = Placeholder::kNone;
  };

  std::string text_;
  std::vector<Piece> pieces_;
  bool names_device_ = false;  // TEXT is a network device's name
  bool names_socket_ = false;  // TEXT is a socket's path
  bool names_vlan_ = false;    // TEXT is a VLAN of a trunk, once expanded
};

}  // namespace alkaid::agent
