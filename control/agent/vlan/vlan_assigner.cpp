#include "control/agent/vlan/vlan_assigner.hpp"

namespace alkaid::agent {

void VlanAssigner::hold(const std::string& port, std::string_view attachment) {
  const auto vlan = VlanAttachment::parse(attachment);
  if (!vlan || by_port_.contains(port)) {
    return;
  }
  Trunk& trunk = trunks_[vlan->trunk];
  if (!trunk.taken.test(vlan->vlan)) {
    trunk.taken.set(vlan->vlan);
    by_port_.emplace(port, *vlan);
  }
}

std::optional<std::string> VlanAssigner::assign(const std::string& port, const OpenVlan& open) {
  if (const auto own = by_port_.find(port); own != by_port_.end()) {
    if (open.allows(own->second)) {
      return own->second.text();
    }
    release(port);
  }
  std::size_t most = 0;
  const std::string* chosen = nullptr;
  for (const std::string& name : open.trunks) {
    const std::size_t free = count_free(trunks_[name], open);
    if (free > most) {
      most = free;
      chosen = &name;
    }
  }
  if (chosen == nullptr) {
    return std::nullopt;
  }
  Trunk& trunk = trunks_[*chosen];
  const std::uint16_t vlan = *find_free(trunk, open);
  trunk.taken.set(vlan);
  trunk.newest = vlan;
  return by_port_.emplace(port, VlanAttachment{*chosen, vlan}).first->second.text();
}

void VlanAssigner::release(const std::string& port) {
  const auto found = by_port_.find(port);
  if (found != by_port_.end()) {
    trunks_[found->second.trunk].taken.reset(found->second.vlan);
    by_port_.erase(found);
  }
}

std::size_t VlanAssigner::count_free(const Trunk& trunk, const OpenVlan& open) {
  std::size_t free = 0;
  for (std::size_t vlan = open.first; vlan <= open.last; ++vlan) {
    free += trunk.taken.test(vlan) ? 0 : 1;
  }
  return free;
}

// Round and round, from the one behind the newest on.
std::optional<std::uint16_t> VlanAssigner::find_free(const Trunk& trunk, const OpenVlan& open) {
  const std::uint16_t count = open.last - open.first + 1;
  const std::uint16_t start =
      trunk.newest >= open.first && trunk.newest < open.last ? trunk.newest + 1 : open.first;
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto vlan = static_cast<std::uint16_t>(open.first + (start - open.first + i) % count);
    if (!trunk.taken.test(vlan)) {
      return vlan;
    }
  }
  return std::nullopt;
}

}  // namespace alkaid::agent
