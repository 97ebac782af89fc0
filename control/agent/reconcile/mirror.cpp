#include "control/agent/reconcile/mirror.hpp"

#include <utility>

#include "control/agent/reconcile/object_codec.hpp"

namespace alkaid::agent {

void Mirror::clear() {
  *this = Mirror{};
}

void Mirror::take_read_back(const api::ReadResponse& response) {
  for (const auto& segment : response.segments()) {
    unclaimed_ += segments.try_emplace(Vni::from_trusted(segment.vni())).second ? 1 : 0;
    segments[Vni::from_trusted(segment.vni())].object = decode(segment);
  }
  for (const auto& port : response.ports()) {
    auto [entry, added] = ports.try_emplace(port.id());
    unclaimed_ += added ? 1 : 0;
    entry->second.object = decode(port);
    if (added) {
      for (const IpAddress& address : entry->second.object.fixed_ips) {
        ++unclaimed_addresses_[{address, entry->second.object.vni_of(address)}];
      }
    }
  }
  for (const auto& status : response.port_statuses()) {
    const auto entry = ports.find(status.id());
    if (entry != ports.end()) {
      entry->second.state = status.state();
      entry->second.detail = status.detail();
    }
  }
  for (int row = 0; row < rows(response.neighbors()); ++row) {
    const auto [entry, added] = neighbors.try_emplace(key_of(response.neighbors(), row));
    unclaimed_ += added ? 1 : 0;
    entry->second.object = object_of(response.neighbors(), row);
  }
  for (const auto& route : response.routes()) {
    const auto [entry, added] = routes.try_emplace(decode(route.key()));
    unclaimed_ += added ? 1 : 0;
    entry->second.object = decode(route);
  }
  for (const auto& binding : response.dhcp_bindings()) {
    const auto [entry, added] = dhcp.try_emplace(decode(binding.key()));
    unclaimed_ += added ? 1 : 0;
    entry->second.object = decode(binding);
  }
  for (const auto& group : response.security_groups()) {
    take_read_back(group);
  }
}

// Perhaps one part of several.
void Mirror::take_read_back(const api::SecurityGroup& group) {
  ProgrammedGroup& entry = security_groups[group.id()];
  const bool was_unclaimed = entry.unclaimed > 0;
  for (const auto& rule : group.rules()) {
    const auto [programmed, added] = entry.rules.try_emplace(rule.id());
    entry.unclaimed += added ? 1 : 0;
    programmed->second.object = decode(rule);
  }
  for (const auto& member : group.members()) {
    entry.unclaimed += entry.members.try_emplace(decode(member), false).second ? 1 : 0;
  }
  unclaimed_ += !was_unclaimed && entry.unclaimed > 0 ? 1 : 0;
}

void Mirror::claim_everything() {
  const auto claim_all = [](auto& table) {
    for (auto& entry : table) {
      entry.second.claimed = true;
    }
  };
  claim_all(segments);
  claim_all(ports);
  claim_all(neighbors);
  claim_all(routes);
  claim_all(dhcp);
  for (auto& [id, group] : security_groups) {
    claim_all(group.rules);
    for (auto& [member, claimed] : group.members) {
      claimed = true;
    }
    group.unclaimed = 0;
  }
  unclaimed_addresses_.clear();
  unclaimed_ = 0;
}

void Mirror::claim_entry(ProgrammedGroup& group) {
  if (--group.unclaimed == 0) {
    --unclaimed_;
  }
}

Programmed<SecurityRuleObject>* ProgrammedGroup::find_rule(const std::string& id) {
  const auto found = rules.find(id);
  return found == rules.end() ? nullptr : &found->second;
}

bool* ProgrammedGroup::find_member(const IpAddress& address) {
  const auto found = members.find(address);
  return found == members.end() ? nullptr : &found->second;
}

void Mirror::forget_addresses(const PortObject& port) {
  for (const IpAddress& address : port.fixed_ips) {
    const auto found = unclaimed_addresses_.find({address, port.vni_of(address)});
    if (found != unclaimed_addresses_.end() && --found->second <= 0) {
      unclaimed_addresses_.erase(found);
    }
  }
}

void Mirror::claim_port(ProgrammedPort& port) {
  if (!port.claimed) {
    forget_addresses(port.object);
    claim(port);
  }
}

void Mirror::set_port(const std::string& id, PortObject object, const api::PortStatus* status) {
  auto [entry, added] = ports.try_emplace(id);
  unclaimed_ += added ? 1 : 0;
  claim_port(entry->second);
  entry->second.object = std::move(object);
  if (status != nullptr) {
    entry->second.state = status->state();
    entry->second.detail = status->detail();
  }
}

void Mirror::erase_port(const std::string& id) {
  const auto entry = ports.find(id);
  if (entry != ports.end()) {
    claim_port(entry->second);
    ports.erase(entry);
  }
}

std::vector<NeighborKey> Mirror::find_unclaimed_neighbors(const IpAddress& address,
                                                          const MacAddress& mac) const {
  std::vector<NeighborKey> found;
  for (const auto& [vni, segment] : segments) {
    const auto row = neighbors.find({address, vni});
    if (row != neighbors.end() && !row->second.claimed && row->second.object.mac == mac) {
      found.push_back(row->first);
    }
  }
  return found;
}

std::vector<DhcpKey> Mirror::find_unclaimed_dhcp(const MacAddress& mac,
                                                 const IpAddress& address) const {
  std::vector<DhcpKey> found;
  for (const auto& [vni, segment] : segments) {
    const auto binding = dhcp.find({vni, mac});
    if (binding != dhcp.end() && !binding->second.claimed &&
        (binding->second.object.ipv4 == address || binding->second.object.ipv6 == address)) {
      found.push_back(binding->first);
    }
  }
  return found;
}

}  // namespace alkaid::agent
