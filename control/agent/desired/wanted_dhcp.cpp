// What the desired state means for the data plane: DHCP bindings.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {
namespace {

void choose(const IpAddress& address, IpAddress& chosen) {
  if (chosen.is_unset()) {
    chosen = address;
  }
}

}  // namespace

// Of several subnets with this VNI the one with the smallest id decides.
std::optional<DhcpObject> DesiredStore::wanted_dhcp(const DhcpKey& key) const {
  DhcpObject wanted;
  const auto add = [&](const Subnet& subnet, const DhcpRow& row) {
    const bool has_v4 = subnet.vni == key.vni && !row.ipv4.is_unset();
    const bool has_v6 =
        !row.ipv6.is_unset() && home_of_dhcpv6(subnet, key.mac, row.ipv6).vni == key.vni;
    if (has_v4) {
      choose(row.ipv4, wanted.ipv4);
    }
    if (has_v6) {
      choose(row.ipv6, wanted.ipv6);
    }
    if ((has_v4 || has_v6) && wanted.host_name.empty()) {
      wanted.host_name = row.host_name;
    }
  };
  for (const Subnet* subnet : at(key.vni)) {
    const auto row = subnet->dhcp.find(key.mac);
    if (row != subnet->dhcp.end()) {
      add(*subnet, row->second);
    }
  }
  const auto others = dhcpv6_subnets_.find(key.mac);
  if (others != dhcpv6_subnets_.end()) {
    for (const std::string& id : others->second) {
      const Subnet& subnet = *find_subnet(id);
      if (subnet.vni != key.vni) {
        add(subnet, subnet.dhcp.find(key.mac)->second);
      }
    }
  }
  return wanted.ipv4.is_unset() && wanted.ipv6.is_unset() ? std::nullopt : std::optional{wanted};
}

}  // namespace alkaid::agent
