// What ports and neighbors say about who is in which security group.
#include <algorithm>
#include <utility>

#include "control/agent/desired/store.hpp"

namespace alkaid::agent {
namespace {

// The port's own, and the single addresses among its address pairs.
std::vector<IpAddress> addresses_of(const PortSpec& port) {
  std::vector<IpAddress> addresses;
  for (const PortFixedIp& fixed_ip : port.fixed_ips) {
    addresses.push_back(fixed_ip.address);
  }
  for (const AddressPairSpec& pair : port.address_pairs) {
    if (pair.prefix.length == pair.prefix.max_length()) {
      addresses.push_back(pair.prefix.address);
    }
  }
  return addresses;
}

}  // namespace

// The rows say their stations only by a number: they are looked through once, when it first
// matters.
void DesiredStore::index_neighbors() {
  if (!stations_.wants_index()) {
    return;
  }
  stations_.start_index();
  const auto add = [this](const Subnet& subnet) {
    for (const auto& [address, row] : subnet.neighbors) {
      stations_.add_row(row.station, address);
    }
  };
  for (const auto& [id, subnet] : subnets_) {
    add(*subnet);
  }
  for (const auto& [vni, subnet] : numbered_) {
    add(*subnet);
  }
}

// What stays must not be given up in between: the new one first.
void DesiredStore::link_groups(std::string_view id, const PortSpec* former, const PortSpec* now) {
  if (!policy_.security_groups) {
    return;
  }
  if (now != nullptr) {
    groups_.add_port(now->security_group_ids);
    stations_.set_port(id, now->security_group_ids, addresses_of(*now), true);
  } else {
    stations_.delete_port(id, true);
  }
  if (former != nullptr) {
    groups_.remove_port(former->security_group_ids);
  }
  index_neighbors();
}

bool DesiredStore::set_remote_port(const RemotePortSpec& spec) {
  bool is_remembered = true;
  if (spec.is_gone) {
    stations_.delete_port(spec.id, false);
  } else {
    is_remembered = stations_.set_port(spec.id, spec.security_group_ids, spec.addresses, false);
  }
  index_neighbors();
  return is_remembered;
}

void DesiredStore::restore_station(StationKey station, const StationRecord& record) {
  stations_.restore(station, record);
  index_neighbors();
}

void DesiredStore::leave_groups(Subnet& subnet, const IpAddress& address) {
  const auto found = subnet.neighbor_groups.find(address);
  if (found == subnet.neighbor_groups.end()) {
    return;
  }
  for (const std::string& group : GroupSets::ids_of(found->second.groups)) {
    for (const IpAddress& member : found->second.addresses) {
      groups_.remove_member(group, member);
    }
  }
  neighbor_group_sets_.release(found->second.groups);
  subnet.neighbor_groups.erase(found);
  journal_->erase_neighbor_groups(subnet.place, address);
}

void DesiredStore::set_neighbor_groups(const NeighborSpec& spec) {
  std::vector<IpAddress> pairs;
  for (const NeighborPair& pair : spec.pairs) {
    pairs.push_back(pair.address);
  }
  for (const NeighborAddress& address : spec.addresses) {
    const Subnet* known = find_subnet(address);
    if (known == nullptr || (known->neighbor_groups.empty() && spec.security_group_ids.empty())) {
      continue;
    }
    Subnet& record = *subnet_of(address);
    if (spec.security_group_ids.empty()) {
      leave_groups(record, address.address);
      pairs.clear();
      continue;
    }
    NeighborGroups now{neighbor_group_sets_.take(spec.security_group_ids), {address.address}};
    // The address pairs go with the first address.
    now.addresses.insert(now.addresses.end(), pairs.begin(), pairs.end());
    pairs.clear();
    const auto former = record.neighbor_groups.find(address.address);
    if (former != record.neighbor_groups.end() && former->second.groups == now.groups &&
        former->second.addresses == now.addresses) {
      neighbor_group_sets_.release(now.groups);
      continue;
    }
    for (const std::string& group : spec.security_group_ids) {
      for (const IpAddress& member : now.addresses) {
        groups_.add_member(group, member);
      }
    }
    leave_groups(record, address.address);
    journal_->put_neighbor_groups(record.place, address.address,
                                  {spec.security_group_ids, now.addresses});
    record.neighbor_groups.emplace(address.address, std::move(now));
  }
}

}  // namespace alkaid::agent
