#include "control/agent/desired/store.hpp"

#include <algorithm>
#include <utility>

namespace alkaid::agent {

// ---------------------------------------------------------------- records and indexes

Subnet& DesiredStore::subnet(std::string_view id) {
  auto found = subnets_.find(id);
  if (found == subnets_.end()) {
    found = subnets_.emplace(std::string{id}, std::make_unique<Subnet>()).first;
    found->second->id = id;
  }
  return *found->second;
}

Subnet* DesiredStore::subnet_of(const NeighborAddress& address) {
  if (!address.subnet_id.empty()) {
    return &subnet(address.subnet_id);
  }
  auto& numbered = numbered_[address.vni];
  if (!numbered) {
    numbered = std::make_unique<Subnet>();
  }
  return numbered.get();
}

void DesiredStore::drop_if_unused(Subnet& subnet) {
  if (!subnet.unused()) {
    return;
  }
  subnet.named_vni = {};
  const Vni number = subnet.vni;
  const std::string id = subnet.id;
  rescope(subnet);
  if (id.empty()) {
    numbered_.erase(number);
  } else {
    subnets_.erase(id);
  }
}

void DesiredStore::drop_if_unused(const std::string& vpc_id) {
  const auto vpc = vpcs_.find(vpc_id);
  if (vpc != vpcs_.end() && !vpc->second.known && vpc->second.subnets.empty()) {
    vpcs_.erase(vpc);
  }
}

Vni DesiredStore::resolve(const Subnet& subnet) const {
  if (subnet.known) {
    if (subnet.spec.vni != Vni{}) {
      return subnet.spec.vni;
    }
    const auto vpc = vpcs_.find(subnet.spec.vpc_id);
    if (vpc != vpcs_.end() && vpc->second.spec.vni != Vni{}) {
      return vpc->second.spec.vni;
    }
  }
  return subnet.named_vni;
}

void DesiredStore::rescope(Subnet& subnet) {
  const Vni now = resolve(subnet);
  if (now == subnet.vni) {
    return;
  }
  mark_dependents(subnet);
  if (subnet.vni != Vni{}) {
    auto& list = by_vni_[subnet.vni];
    std::erase(list, &subnet);
    if (list.empty()) {
      by_vni_.erase(subnet.vni);
    }
  }
  if (now != Vni{}) {
    auto& list = by_vni_[now];
    list.insert(std::upper_bound(list.begin(), list.end(), &subnet,
                                 [](const Subnet* a, const Subnet* b) { return a->id < b->id; }),
                &subnet);
    if (subnet.waited_for) {
      subnet.waited_for = false;
      resolved_.push_back(subnet.id);
    }
  }
  subnet.vni = now;
  mark_dependents(subnet);
}

void DesiredStore::mark_subnet(const Subnet& subnet) {
  if (subnet.vni != Vni{}) {
    dirty_.segments.insert(subnet.vni);
  }
  if (subnet.known) {
    for (const std::string& router : subnet.routers) {
      dirty_.routes.insert({router_key(router), subnet.spec.cidr});
    }
  }
}

void DesiredStore::mark_dependents(const Subnet& subnet) {
  mark_subnet(subnet);
  dirty_.ports.insert(subnet.ports.begin(), subnet.ports.end());
  if (subnet.vni == Vni{}) {
    return;
  }
  for (const auto& [address, row] : subnet.neighbors) {
    dirty_.neighbors.insert({address, subnet.vni});
  }
  for (const auto& [address, ports] : subnet.port_addresses) {
    dirty_.neighbors.insert({address, subnet.vni});
  }
  for (const auto& [mac, row] : subnet.dhcp) {
    dirty_.dhcp.insert({subnet.vni, mac});
  }
}

void DesiredStore::mark_everything() {
  for (const auto& [id, subnet] : subnets_) {
    mark_dependents(*subnet);
  }
  for (const auto& [vni, subnet] : numbered_) {
    mark_dependents(*subnet);
  }
}

std::vector<std::string> DesiredStore::take_resolved() {
  return std::exchange(resolved_, {});
}

// ---------------------------------------------------------------- VPCs and subnets

void DesiredStore::set_vpc(std::string_view id, const VpcSpec& spec) {
  Vpc& vpc = vpcs_.try_emplace(std::string{id}).first->second;
  vpc.known = true;
  if (vpc.spec.vni == spec.vni) {
    return;
  }
  vpc.spec = spec;
  for (Subnet* subnet : vpc.subnets) {
    rescope(*subnet);
  }
}

void DesiredStore::delete_vpc(std::string_view id) {
  const auto vpc = vpcs_.find(id);
  if (vpc == vpcs_.end()) {
    return;
  }
  set_vpc(id, {});
  vpc->second.known = false;
  drop_if_unused(std::string{id});
}

void DesiredStore::set_subnet(std::string_view id, SubnetSpec spec) {
  Subnet& record = subnet(id);
  mark_subnet(record);  // routes to its former prefix
  if (record.known && record.spec.vpc_id != spec.vpc_id) {
    vpcs_[record.spec.vpc_id].subnets.erase(&record);
    drop_if_unused(record.spec.vpc_id);
  }
  record.known = true;
  record.spec = std::move(spec);
  vpcs_[record.spec.vpc_id].subnets.insert(&record);
  rescope(record);
  mark_subnet(record);
}

void DesiredStore::delete_subnet(std::string_view id, Vni named_vni) {
  if (named_vni != Vni{}) {
    dirty_.segments.insert(named_vni);
  }
  const auto found = subnets_.find(id);
  if (found == subnets_.end() || !found->second->known) {
    return;
  }
  Subnet& record = *found->second;
  mark_subnet(record);
  vpcs_[record.spec.vpc_id].subnets.erase(&record);
  drop_if_unused(record.spec.vpc_id);
  record.known = false;
  record.spec = {};
  rescope(record);
  drop_if_unused(record);
}

// ---------------------------------------------------------------- ports

void DesiredStore::link_port(const std::string& id, const PortSpec& spec, bool present) {
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
  const PortSpec former = std::exchange(found->second, std::move(spec));
  link_port(key, former, false);
  link_port(key, found->second, true);
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
  const PortSpec former = std::move(found->second);
  ports_.erase(found);
  link_port(std::string{id}, former, false);
  for (const PortFixedIp& fixed_ip : former.fixed_ips) {
    const auto subnet = subnets_.find(fixed_ip.subnet_id);
    if (subnet != subnets_.end()) {
      drop_if_unused(*subnet->second);
    }
  }
}

// ---------------------------------------------------------------- neighbors and DHCP

bool DesiredStore::set_neighbor(const NeighborAddress& address, const NeighborRow& row) {
  Subnet& record = *subnet_of(address);
  // Each change of a subnet's VNI moves all that is in it: messages must not do that in turns.
  const std::size_t others =
      record.neighbors.size() - (record.neighbors.contains(address.address) ? 1 : 0);
  if (address.vni != Vni{} && record.named_vni != Vni{} && record.named_vni != address.vni &&
      record.vni == record.named_vni && others > 0) {
    return false;
  }
  const auto [found, added] = record.neighbors.insert_or_assign(address.address, row);
  neighbors_ += added ? 1 : 0;
  if (address.vni != Vni{} && record.named_vni != address.vni) {
    record.named_vni = address.vni;
    rescope(record);
  }
  if (record.vni != Vni{}) {
    dirty_.neighbors.insert({address.address, record.vni});
  }
  return true;
}

bool DesiredStore::delete_neighbor(const NeighborAddress& address) {
  const Subnet* known = find_subnet(address);
  const Vni vni = known != nullptr && known->vni != Vni{} ? known->vni : address.vni;
  if (vni != Vni{}) {
    dirty_.neighbors.insert({address.address, vni});
  }
  if (known != nullptr) {
    Subnet& record = *subnet_of(address);
    neighbors_ -= record.neighbors.erase(address.address);
    drop_if_unused(record);
  }
  return vni != Vni{};
}

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

// ---------------------------------------------------------------- routers, others

void DesiredStore::link_router(const std::string& id, const std::string& subnet_id, bool present) {
  Subnet& record = subnet(subnet_id);
  mark_subnet(record);
  if (present) {
    record.routers.insert(id);
    mark_subnet(record);
  } else {
    record.routers.erase(id);
    drop_if_unused(record);
  }
}

bool DesiredStore::set_router(std::string_view id, const RouterSpec& spec) {
  const std::string name{id};
  if (router_ids_.try_emplace(router_key(id), name).first->second != name) {
    return false;
  }
  Router& router = routers_[name];
  const bool mac_changed = router.host_dvr_mac != spec.host_dvr_mac;
  router.host_dvr_mac = spec.host_dvr_mac;

  std::set<std::string> named;
  for (const SubnetRoutingSpec& table : spec.subnets) {
    named.insert(table.subnet_id);
    auto& rules = router.subnets[table.subnet_id];
    if (spec.replaces) {
      rules.clear();
    }
    for (const RoutingRuleSpec& rule : table.rules) {
      if (rule.is_delete) {
        rules.erase(rule.id);
      } else {
        rules.insert_or_assign(rule.id, rule);
      }
    }
    link_router(name, table.subnet_id, true);
  }
  std::vector<std::string> gone;
  for (const auto& [subnet_id, rules] : router.subnets) {
    if (spec.replaces && !named.contains(subnet_id)) {
      gone.push_back(subnet_id);
    } else if (mac_changed) {
      mark_subnet(subnet(subnet_id));
    }
  }
  for (const std::string& subnet_id : gone) {
    router.subnets.erase(subnet_id);
    link_router(name, subnet_id, false);
  }
  return true;
}

void DesiredStore::delete_router(std::string_view id) {
  const auto found = routers_.find(id);
  if (found == routers_.end()) {
    return;
  }
  const std::string name = found->first;
  const Router router = std::move(found->second);
  routers_.erase(found);
  router_ids_.erase(router_key(name));
  for (const auto& [subnet_id, rules] : router.subnets) {
    link_router(name, subnet_id, false);
  }
}

void DesiredStore::set_remembered(ResourceType type, std::string_view id, bool present) {
  auto& ids = remembered_[static_cast<std::size_t>(type)];
  if (present) {
    ids.emplace(id);
  } else if (const auto found = ids.find(id); found != ids.end()) {
    ids.erase(found);
  }
}

// ---------------------------------------------------------------- looking

const Subnet* DesiredStore::find_subnet(std::string_view id) const {
  const auto found = subnets_.find(id);
  return found == subnets_.end() ? nullptr : found->second.get();
}

const Subnet* DesiredStore::find_subnet(const NeighborAddress& address) const {
  if (!address.subnet_id.empty()) {
    return find_subnet(address.subnet_id);
  }
  const auto found = numbered_.find(address.vni);
  return found == numbered_.end() ? nullptr : found->second.get();
}

Subnet* DesiredStore::find_subnet_to_wait_for(std::string_view id) {
  const auto found = subnets_.find(id);
  if (found == subnets_.end()) {
    return nullptr;
  }
  found->second->waited_for = found->second->vni == Vni{};
  return found->second.get();
}

const Vpc* DesiredStore::find_vpc(std::string_view id) const {
  const auto found = vpcs_.find(id);
  return found == vpcs_.end() ? nullptr : &found->second;
}

const PortSpec* DesiredStore::find_port(const std::string& id) const {
  const auto found = ports_.find(id);
  return found == ports_.end() ? nullptr : &found->second;
}

const Router* DesiredStore::find_router(const std::string& id) const {
  const auto found = routers_.find(id);
  return found == routers_.end() ? nullptr : &found->second;
}

std::size_t DesiredStore::count(ResourceType type) const {
  const auto known = [](const auto& records) {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [](const auto& entry) { return entry.second.known; }));
  };
  switch (type) {
    case ResourceType::kVpc:
      return known(vpcs_);
    case ResourceType::kSubnet:
      return static_cast<std::size_t>(std::count_if(
          subnets_.begin(), subnets_.end(), [](const auto& entry) { return entry.second->known; }));
    case ResourceType::kPort:
      return ports_.size();
    case ResourceType::kNeighbor:
      return neighbors_;
    case ResourceType::kDhcp:
      return dhcp_;
    case ResourceType::kRouter:
      return routers_.size();
    case ResourceType::kSecurityGroup:
    case ResourceType::kGateway:
      return remembered_[static_cast<std::size_t>(type)].size();
  }
  return 0;
}

}  // namespace alkaid::agent
