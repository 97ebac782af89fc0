// Which port has which VLAN of which trunk, where the template leaves that to us.
// Design: docs/design/vlan-trunk.md.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "control/agent/vlan/open_vlan.hpp"

namespace alkaid::agent {

// Not thread-safe. 512 bytes for each trunk, below 200 for each port.
class VlanAssigner {
 public:
  // The port has this attachment. If it is a VLAN that no port has yet, it stays with this one.
  void hold(const std::string& port, std::string_view attachment);

  // The attachment of a port: the VLAN that it has if the choice allows it, otherwise a free one of
  // the trunk with most of them. One that was given back is the last to be taken again, since its
  // former guest may still be there. nullopt: none is free.
  std::optional<std::string> assign(const std::string& port, const OpenVlan& open);

  void release(const std::string& port);

  [[nodiscard]] std::size_t size() const { return by_port_.size(); }

 private:
  struct Trunk {
    std::bitset<kHighestVlan + 1> taken;
    std::uint16_t newest = 0;  // that was taken last
  };

  static std::optional<std::uint16_t> find_free(const Trunk& trunk, const OpenVlan& open);
  static std::size_t count_free(const Trunk& trunk, const OpenVlan& open);

  std::map<std::string, Trunk, std::less<>> trunks_;
  std::unordered_map<std::string, VlanAttachment> by_port_;
};

}  // namespace alkaid::agent
