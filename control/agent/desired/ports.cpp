#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

void DesiredStore::link_port(const std::string& id, const PortSpec& spec, bool present) {
  if (present) {
    ports_by_mac_[spec.mac].insert(id);
  } else if (const auto ports = ports_by_mac_.find(spec.mac); ports != ports_by_mac_.end()) {
    ports->second.erase(id);
    if (ports->second.empty()) {
      ports_by_mac_.erase(ports);
    }
  }
  for (const PortFixedIp& fixed_ip : spec.fixed_ips) {
    Subnet& record = subnet(fixed_ip.subnet_id);
    if (present) {
      record.ports.insert(id);
      ++record.port_addresses[fixed_ip.address];
    } else {
      record.ports.erase(id);
      if (--record.port_addresses[fixed_ip.address] <= 0) {
        record.port_addresses.erase(fixed_ip.address);
      }
    }
    if (record.vni != Vni{}) {
      dirty_.neighbors.insert({fixed_ip.address, record.vni});
    }
  }
}

void DesiredStore::set_port(std::string_view id, PortSpec spec) {
  const std::string key{id};
  dirty_.ports.insert(key);
  auto [found, added] = ports_.try_emplace(key);
  if (!added && found->second == spec) {
    return;
  }
  journal_->put_port(id, spec);
  mark_dhcp_of(found->second.mac);
  mark_dhcp_of(spec.mac);
  const PortSpec former = std::exchange(found->second, std::move(spec));
  link_port(key, former, false);
  link_port(key, found->second, true);
  link_groups(key, added ? nullptr : &former, &found->second);
  mark_dhcp_of(former.mac);
  mark_dhcp_of(found->second.mac);
  for (const PortFixedIp& fixed_ip : former.fixed_ips) {
    const auto subnet = subnets_.find(fixed_ip.subnet_id);
    if (subnet != subnets_.end()) {
      drop_if_unused(*subnet->second);
    }
  }
}

void DesiredStore::delete_port(std::string_view id) {
  dirty_.ports.insert(std::string{id});
  const auto found = ports_.find(id);
  if (found == ports_.end()) {
    return;
  }
  mark_dhcp_of(found->second.mac);
  const PortSpec former = std::move(found->second);
  ports_.erase(found);
  journal_->erase_port(id);
  link_port(std::string{id}, former, false);
  link_groups(id, &former, nullptr);
  mark_dhcp_of(former.mac);
  for (const PortFixedIp& fixed_ip : former.fixed_ips) {
    const auto subnet = subnets_.find(fixed_ip.subnet_id);
    if (subnet != subnets_.end()) {
      drop_if_unused(*subnet->second);
    }
  }
}

}  // namespace alkaid::agent
