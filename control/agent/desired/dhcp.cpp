#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::set_dhcp(const DhcpSpec& spec) {
  Subnet& record = subnet(spec.subnet_id);
  const auto [found, added] = record.dhcp.insert_or_assign(
      spec.mac, DhcpRow{spec.ipv4, spec.ipv6, std::string{spec.host_name}});
  dhcp_ += added ? 1 : 0;
  if (record.vni != Vni{}) {
    dirty_.dhcp.insert({record.vni, spec.mac});
  }
}

bool DesiredStore::delete_dhcp(const DhcpSpec& spec) {
  const auto known = subnets_.find(spec.subnet_id);
  if (known == subnets_.end()) {
    return false;
  }
  Subnet& record = *known->second;
  const Vni vni = record.vni;
  if (vni != Vni{}) {
    dirty_.dhcp.insert({vni, spec.mac});
  }
  dhcp_ -= record.dhcp.erase(spec.mac);
  drop_if_unused(record);
  return vni != Vni{};
}

}  // namespace alkaid::agent
