// What the desired state means for the data plane: ports.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

DesiredStore::WantedPort DesiredStore::wanted_port(const std::string& id) const {
  WantedPort wanted;
  const PortSpec* spec = find_port(id);
  if (spec == nullptr) {
    return wanted;
  }
  const Subnet* home = find_subnet(spec->fixed_ips.front().subnet_id);
  if (home == nullptr || home->vni == Vni{}) {
    wanted.state = WantedPort::State::kUnresolved;
    return wanted;
  }
  wanted.state = WantedPort::State::kPresent;
  PortObject& object = wanted.object;
  object.vni = home->vni;
  object.mac = spec->mac;
  object.admin_up = spec->admin_up;
  object.attachment = spec->attachment;
  for (const PortFixedIp& fixed_ip : spec->fixed_ips) {
    const Subnet* subnet = find_subnet(fixed_ip.subnet_id);
    if (subnet != nullptr && subnet->vni == object.vni) {
      object.fixed_ips.push_back(fixed_ip.address);
    }
  }
  for (const AddressPairSpec& pair : spec->address_pairs) {
    object.allowed_address_pairs.push_back({pair.prefix, pair.mac});
  }
  make_canonical(object);
  return wanted;
}

}  // namespace alkaid::agent
