// Subnets: records that everything else refers to, and the indexes by VNI.
#include <algorithm>
#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {

Subnet& DesiredStore::subnet(std::string_view id) {
  auto found = subnets_.find(id);
  if (found == subnets_.end()) {
    found = subnets_.emplace(std::string{id}, std::make_unique<Subnet>()).first;
    found->second->id = id;
    settle(*found->second);
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
    settle(*numbered);
  }
  return numbered.get();
}

void DesiredStore::settle(Subnet& subnet) {
  subnet.place = ++last_place_;
  journal_->put_place(subnet.place, place_record(subnet));
}

PlaceRecord DesiredStore::place_record(const Subnet& subnet) {
  return {subnet.id, subnet.named_vni};
}

void DesiredStore::restore_place(std::uint32_t place, const PlaceRecord& record) {
  Subnet& restored = *subnet_of({record.id, record.named_vni, {}});
  restored.place = place;
  last_place_ = std::max(last_place_, place);
  restored.named_vni = record.named_vni;
  rescope(restored);
}

void DesiredStore::drop_if_unused(Subnet& subnet) {
  if (!subnet.unused()) {
    return;
  }
  journal_->erase_place(subnet.place);
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
  if (now != Vni{}) {
    subnet.deleted_rules.clear();
  }
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
  for (const IpPrefix& destination : subnet.gateway_rules) {
    mark_rule(subnet, destination);
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
  for (const auto& [address, claims] : subnet.pairs) {
    dirty_.neighbors.insert({address, subnet.vni});
  }
  for (const auto& [address, ports] : subnet.port_addresses) {
    dirty_.neighbors.insert({address, subnet.vni});
  }
  for (const auto& [mac, row] : subnet.dhcp) {
    dirty_.dhcp.insert({subnet.vni, mac});
  }
  for (const auto& [destination, rules] : subnet.rules) {
    mark_rule(subnet, destination);
  }
  for (const IpPrefix& destination : subnet.deleted_rules) {
    mark_rule(subnet, destination);
  }
  mark_dhcpv6_in(subnet);
}

void DesiredStore::mark_everything() {
  for (const auto& [id, subnet] : subnets_) {
    mark_dependents(*subnet);
  }
  for (const auto& [vni, subnet] : numbered_) {
    mark_dependents(*subnet);
  }
  groups_.mark_everything();
}

std::vector<std::string> DesiredStore::take_resolved() {
  return std::exchange(resolved_, {});
}

void DesiredStore::set_subnet(std::string_view id, SubnetSpec spec) {
  Subnet& record = subnet(id);
  mark_subnet(record);  // routes to its former prefix
  const bool is_moved =
      !record.known || record.spec.vpc_id != spec.vpc_id || record.spec.cidr != spec.cidr;
  if (is_moved) {
    mark_dhcpv6_in(record);
  }
  if (record.known && record.spec.vpc_id != spec.vpc_id) {
    vpcs_[record.spec.vpc_id].subnets.erase(&record);
    drop_if_unused(record.spec.vpc_id);
  }
  if (!record.known || record.spec != spec) {
    journal_->put_subnet(id, spec);
  }
  record.known = true;
  record.spec = std::move(spec);
  vpcs_[record.spec.vpc_id].subnets.insert(&record);
  rescope(record);
  mark_subnet(record);
  if (is_moved) {
    mark_dhcpv6_in(record);
  }
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
  mark_dhcpv6_in(record);
  vpcs_[record.spec.vpc_id].subnets.erase(&record);
  drop_if_unused(record.spec.vpc_id);
  record.known = false;
  record.spec = {};
  journal_->erase_subnet(id);
  rescope(record);
  mark_dhcpv6_in(record);
  drop_if_unused(record);
}

}  // namespace alkaid::agent
