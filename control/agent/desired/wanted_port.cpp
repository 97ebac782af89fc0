// What the desired state means for the data plane: ports.
#include <algorithm>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

// Where the port's addresses of a family belong: with the first of them.
const Subnet* DesiredStore::home_of(const PortSpec& port, bool v4) const {
  const auto first =
      std::find_if(port.fixed_ips.begin(), port.fixed_ips.end(),
                   [v4](const auto& fixed_ip) { return fixed_ip.address.is_v4() == v4; });
  return first == port.fixed_ips.end() ? nullptr : find_subnet(first->subnet_id);
}

DesiredStore::WantedPort DesiredStore::wanted_port(const std::string& id) const {
  WantedPort wanted;
  const PortSpec* spec = find_port(id);
  if (spec == nullptr) {
    return wanted;
  }
  const Subnet* home = home_of(*spec, true);
  const Subnet* home_v6 = home_of(*spec, false);
  if (home == nullptr) {
    home = home_v6;
  }
  if (home == nullptr || home->vni == Vni{}) {
    wanted.state = WantedPort::State::kUnresolved;
    return wanted;
  }
  wanted.state = WantedPort::State::kPresent;
  PortObject& object = wanted.object;
  object.vni = home->vni;
  object.vni_v6 = home_v6 == nullptr ? Vni{} : home_v6->vni;
  object.mac = spec->mac;
  object.admin_up = spec->admin_up;
  object.attachment = spec->attachment;
  object.source_guard_off = !policy_.guards(id, spec->device_owner);
  for (const PortFixedIp& fixed_ip : spec->fixed_ips) {
    const Subnet* subnet = find_subnet(fixed_ip.subnet_id);
    const Subnet* own = fixed_ip.address.is_v4() ? home : home_v6;
    if (subnet != nullptr && subnet->vni != Vni{} && subnet->vni == own->vni) {
      object.fixed_ips.push_back(fixed_ip.address);
    }
  }
  for (const AddressPairSpec& pair : spec->address_pairs) {
    object.allowed_address_pairs.push_back({pair.prefix, pair.mac});
  }
  if (policy_.security_groups) {
    object.security_groups = spec->security_group_ids;
    object.policy_enforced = policy_.closed_by_default || !object.security_groups.empty();
  }
  make_canonical(object);
  return wanted;
}

}  // namespace alkaid::agent
