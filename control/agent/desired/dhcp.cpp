// What DHCP hands out. A row is of one subnet but may have an address of each family; where the
// IPv6 subnet has a VNI of its own, the IPv6 address is bound there, since DHCPv6 looks where the
// guest asks.
#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

const Subnet& DesiredStore::home_of_dhcpv6(const Subnet& subnet, const MacAddress& mac,
                                           const IpAddress& address) const {
  const auto ports = ports_by_mac_.find(mac);
  if (ports != ports_by_mac_.end()) {
    for (const std::string& id : ports->second) {
      const PortSpec& port = ports_.find(id)->second;
      const Subnet* home = nullptr;
      bool same_network = false;  // MACs repeat in others
      for (const PortFixedIp& fixed_ip : port.fixed_ips) {
        same_network = same_network || fixed_ip.subnet_id == subnet.id;
        home = fixed_ip.address == address ? find_subnet(fixed_ip.subnet_id) : home;
      }
      if (home != nullptr && same_network) {
        return *home;
      }
    }
  }
  if (!subnet.known || subnet.spec.vpc_id.empty() || subnet.spec.cidr.contains(address)) {
    return subnet;
  }
  const Subnet* home = nullptr;
  for (const Subnet* other : vpcs_.find(subnet.spec.vpc_id)->second.subnets) {
    if (other->spec.cidr.contains(address) && (home == nullptr || other->id < home->id)) {
      home = other;
    }
  }
  return home == nullptr ? subnet : *home;
}

void DesiredStore::mark_dhcp(const Subnet& subnet, const MacAddress& mac) {
  if (subnet.vni != Vni{}) {
    dirty_.dhcp.insert({subnet.vni, mac});
  }
  const auto row = subnet.dhcp.find(mac);
  if (row == subnet.dhcp.end() || row->second.ipv6.is_unset()) {
    return;
  }
  const Vni home = home_of_dhcpv6(subnet, mac, row->second.ipv6).vni;
  if (home != Vni{}) {
    dirty_.dhcp.insert({home, mac});
  }
}

void DesiredStore::mark_dhcp_of(const MacAddress& mac) {
  const auto subnets = dhcpv6_subnets_.find(mac);
  if (subnets != dhcpv6_subnets_.end()) {
    for (const std::string& id : subnets->second) {
      mark_dhcp(*find_subnet(id), mac);
    }
  }
}

void DesiredStore::mark_dhcpv6_in(const Subnet& subnet) {
  if (dhcpv6_subnets_.empty()) {
    return;
  }
  for (const auto& [mac, row] : subnet.dhcp) {
    mark_dhcp(subnet, mac);
  }
  for (const std::string& port : subnet.ports) {
    const auto found = ports_.find(port);
    if (found != ports_.end()) {
      mark_dhcp_of(found->second.mac);
    }
  }
  if (!subnet.known || subnet.spec.vpc_id.empty() || subnet.spec.cidr.address.is_v4()) {
    return;
  }
  for (const Subnet* other : vpcs_.find(subnet.spec.vpc_id)->second.subnets) {
    for (const auto& [mac, row] : other->dhcp) {
      if (subnet.spec.cidr.contains(row.ipv6)) {
        mark_dhcp(*other, mac);
      }
    }
  }
}

void DesiredStore::set_dhcp(const DhcpSpec& spec) {
  Subnet& record = subnet(spec.subnet_id);
  mark_dhcp(record, spec.mac);
  const DhcpRow row{spec.ipv4, spec.ipv6, std::string{spec.host_name}};
  const auto [found, added] = record.dhcp.try_emplace(spec.mac, row);
  if (added || found->second != row) {
    found->second = row;
    journal_->put_dhcp(record.place, spec.mac, row);
  }
  dhcp_ += added ? 1 : 0;
  link_dhcpv6(record, spec.mac, !spec.ipv6.is_unset());
  mark_dhcp(record, spec.mac);
}

bool DesiredStore::delete_dhcp(const DhcpSpec& spec) {
  const auto known = subnets_.find(spec.subnet_id);
  if (known == subnets_.end()) {
    return false;
  }
  Subnet& record = *known->second;
  const Vni vni = record.vni;
  mark_dhcp(record, spec.mac);
  if (!spec.ipv6.is_unset()) {
    // A row that only the data plane knows.
    const Vni home = home_of_dhcpv6(record, spec.mac, spec.ipv6).vni;
    if (home != Vni{}) {
      dirty_.dhcp.insert({home, spec.mac});
    }
  }
  if (record.dhcp.erase(spec.mac) > 0) {
    --dhcp_;
    journal_->erase_dhcp(record.place, spec.mac);
  }
  link_dhcpv6(record, spec.mac, false);
  drop_if_unused(record);
  return vni != Vni{};
}

void DesiredStore::link_dhcpv6(const Subnet& subnet, const MacAddress& mac, bool present) {
  if (present) {
    dhcpv6_subnets_[mac].insert(subnet.id);
    return;
  }
  const auto found = dhcpv6_subnets_.find(mac);
  if (found != dhcpv6_subnets_.end()) {
    found->second.erase(subnet.id);
    if (found->second.empty()) {
      dhcpv6_subnets_.erase(found);
    }
  }
}

}  // namespace alkaid::agent
