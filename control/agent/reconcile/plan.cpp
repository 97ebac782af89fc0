// Reconciler: from marked keys to the writes that bring the data plane in line.
#include <utility>

#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {
namespace {

template <class Failures, class Key>
void forgive(Failures& failures, const Key& key) {
  if (!failures.empty()) {
    failures.erase(key);
  }
}

// Compares one table's marked keys: what differs is set, what isn't wanted is deleted.
template <class Marks, class Table, class Failures, class Wanted, class Set, class Delete>
void compare(Mirror& mirror, const Marks& marks, Table& table, Failures& failures,
             const Wanted& wanted_of, const Set& set, const Delete& remove) {
  for (const auto& key : marks) {
    const auto wanted = wanted_of(key);
    const auto programmed = table.find(key);
    if (wanted) {
      if (programmed != table.end() && programmed->second.object == *wanted) {
        mirror.claim(programmed->second);
        forgive(failures, key);
      } else {
        set(key, *wanted);
      }
    } else if (programmed != table.end()) {
      remove(key);
    } else {
      forgive(failures, key);
    }
  }
}

}  // namespace

void Reconciler::plan_segments(std::vector<std::pair<Vni, SegmentObject>>& sets,
                               std::vector<Vni>& deletes) {
  for (const Vni vni : dirty_.segments) {
    auto wanted = store_.wanted_segment(vni);
    const auto programmed = mirror_.segments.find(vni);
    const bool exists = programmed != mirror_.segments.end();
    if (!wanted) {
      if (exists) {
        deletes.push_back(vni);
        mark_programmed_routes(rule_table_key(vni));
      } else {
        forgive(failures_.segments, vni);
      }
      continue;
    }
    if (exists && wanted->bare && !programmed->second.claimed) {
      continue;  // read back, and nothing known that would be better
    }
    if (exists && unclaimed_routers_.contains(programmed->second.object.router)) {
      // What its router joins, and by which rules, has not all been said since this agent's start:
      // it stays.
      if (wanted->object.router == 0) {
        wanted->object.router = programmed->second.object.router;
        wanted->object.host_dvr_mac = programmed->second.object.host_dvr_mac;
      }
      if (wanted->object.route_table == 0) {
        wanted->object.route_table = programmed->second.object.route_table;
      }
    }
    if (exists && programmed->second.object == wanted->object) {
      mirror_.claim(programmed->second);
      forgive(failures_.segments, vni);
    } else {
      sets.emplace_back(vni, std::move(wanted->object));
    }
  }
}

void Reconciler::plan_routes(ChangeBatch& batch, std::vector<RouteKey>& deletes) {
  for (const RouteKey& key : dirty_.routes) {
    const auto wanted = store_.wanted_route(key);
    const auto programmed = mirror_.routes.find(key);
    const bool exists = programmed != mirror_.routes.end();
    if (wanted.state == DesiredStore::WantedRoute::State::kPresent) {
      if (exists && programmed->second.object == wanted.object) {
        mirror_.claim(programmed->second);
        forgive(failures_.routes, key);
      } else {
        batch.set_route(key, wanted.object);
      }
    } else if (!exists) {
      forgive(failures_.routes, key);
    } else if (programmed->second.claimed ||
               wanted.state == DesiredStore::WantedRoute::State::kAbsent) {
      // One that was read back may still be right when its gateway is known; one that lost its
      // gateway is not.
      deletes.push_back(key);
    }
  }
}

void Reconciler::plan(ChangeBatch& batch) {
  std::vector<std::pair<Vni, SegmentObject>> set_segments;
  std::vector<Vni> delete_segments;
  plan_segments(set_segments, delete_segments);
  for (const auto& [vni, segment] : set_segments) {
    batch.set_segment(vni, segment);
  }

  std::map<std::string, GroupRemovals> group_removals;
  std::vector<std::string> delete_groups;
  plan_security_groups(batch, group_removals, delete_groups);

  std::vector<std::string> delete_ports;
  for (const std::string& id : dirty_.ports) {
    const auto wanted = store_.wanted_port(id);
    const auto programmed = mirror_.ports.find(id);
    const bool exists = programmed != mirror_.ports.end();
    switch (wanted.state) {
      case DesiredStore::WantedPort::State::kPresent:
        if (exists && programmed->second.object == wanted.object) {
          claim_port(programmed->second);
          forgive(failures_.ports, id);
        } else {
          batch.set_port(id, wanted.object);
        }
        break;
      case DesiredStore::WantedPort::State::kUnresolved:
        // One that was read back may still be right; one that lost its subnet is not.
        if (exists && programmed->second.claimed) {
          delete_ports.push_back(id);
        } else if (!exists) {
          forgive(failures_.ports, id);
        }
        break;
      case DesiredStore::WantedPort::State::kAbsent:
        if (exists) {
          delete_ports.push_back(id);
        } else {
          forgive(failures_.ports, id);
        }
        break;
    }
  }

  std::vector<NeighborKey> delete_neighbors;
  compare(
      mirror_, dirty_.neighbors, mirror_.neighbors, failures_.neighbors,
      [this](const NeighborKey& key) {
        return mirror_.is_unclaimed_local(key) ? std::nullopt : store_.wanted_neighbor(key);
      },
      [&batch](const NeighborKey& key, const NeighborObject& neighbor) {
        batch.set_neighbor(key, neighbor);
      },
      [&delete_neighbors](const NeighborKey& key) { delete_neighbors.push_back(key); });

  std::vector<RouteKey> delete_routes;
  plan_routes(batch, delete_routes);

  std::vector<DhcpKey> delete_dhcp;
  compare(
      mirror_, dirty_.dhcp, mirror_.dhcp, failures_.dhcp,
      [this](const DhcpKey& key) { return store_.wanted_dhcp(key); },
      [&batch](const DhcpKey& key, const DhcpObject& binding) { batch.set_dhcp(key, binding); },
      [&delete_dhcp](const DhcpKey& key) { delete_dhcp.push_back(key); });

  dirty_ = {};
  release_security_groups();

  if (!group_removals.empty()) {
    batch.start_removals();
  }
  for (const auto& [id, removals] : group_removals) {
    for (const std::string& rule : removals.rules) {
      batch.remove_security_rule(id, rule);
    }
    for (const IpAddress& member : removals.members) {
      batch.remove_security_member(id, member);
    }
  }
  for (const DhcpKey& key : delete_dhcp) {
    batch.delete_dhcp(key);
  }
  for (const RouteKey& key : delete_routes) {
    batch.delete_route(key);
  }
  for (const NeighborKey& key : delete_neighbors) {
    batch.delete_neighbor(key);
  }
  for (const std::string& id : delete_ports) {
    batch.delete_port(id);
  }
  for (const std::string& id : delete_groups) {
    batch.delete_security_group(id);
  }
  for (const Vni vni : delete_segments) {
    batch.delete_segment(vni);
  }
}

}  // namespace alkaid::agent
