// Reconciler: takes over what the data plane answered to a request.
#include <unordered_map>
#include <utility>

#include "control/agent/reconcile/object_codec.hpp"
#include "control/agent/reconcile/reconciler.hpp"

namespace alkaid::agent {
namespace {

// The failures of one list of a request, by index.
class FailuresOf {
 public:
  FailuresOf(const api::ApplyResponse& response, api::ObjectKind kind, bool is_delete) {
    for (const auto& failure : response.failures()) {
      if (failure.kind() == kind && failure.is_delete() == is_delete) {
        by_index_.emplace(failure.index(), &failure);
      }
    }
  }

  // False if the object at this index was applied; else it is noted under its key.
  template <class Table, class Key>
  bool note(Table& table, const Key& key, int index) const {
    const bool has_failed = note_failure(table, key, index);
    if (!has_failed && !table.empty()) {
      table.erase(key);
    }
    return has_failed;
  }

  // The same, but a former failure stays.
  template <class Table, class Key>
  bool note_failure(Table& table, const Key& key, int index) const {
    const auto found =
        by_index_.empty() ? by_index_.end() : by_index_.find(static_cast<std::uint32_t>(index));
    if (found == by_index_.end()) {
      return false;
    }
    const api::ApplyFailure& failure = *found->second;
    table.note(key,
               Failure{failure.code(), failure.is_delete(), failure.field(), failure.message()});
    return true;
  }

 private:
  std::unordered_map<std::uint32_t, const api::ApplyFailure*> by_index_;
};

}  // namespace

// Neighbors of this address were held back because a port that nobody had named yet had it.
void Reconciler::restore_neighbors_of(const ProgrammedPort& port) {
  if (port.claimed) {
    return;
  }
  release_groups_of(port);
  for (const IpAddress& address : port.object.fixed_ips) {
    const NeighborKey key{address, port.object.vni_of(address)};
    if (store_.wanted_neighbor(key)) {
      dirty_.neighbors.insert(key);
    }
  }
}

// A group's failure stays until the group is compared again, whatever becomes of its other parts.
void Reconciler::commit_security_group_sets(const api::ApplyRequest& request,
                                            const api::ApplyResponse& response) {
  const FailuresOf groups{response, api::SECURITY_GROUP, false};
  for (int i = 0; i < request.set_security_groups_size(); ++i) {
    const api::SecurityGroup& change = request.set_security_groups(i);
    if (!groups.note_failure(failures_.security_groups, change.id(), i)) {
      commit_security_group(change);
    }
  }
}

void Reconciler::commit_sets(const api::ApplyRequest& request, const api::ApplyResponse& response) {
  const FailuresOf segments{response, api::SEGMENT, false};
  for (int i = 0; i < request.set_segments_size(); ++i) {
    const Vni vni = Vni::from_trusted(request.set_segments(i).vni());
    if (!segments.note(failures_.segments, vni, i)) {
      mirror_.set(mirror_.segments, vni, decode(request.set_segments(i)));
    }
  }

  commit_security_group_sets(request, response);

  std::unordered_map<std::string_view, const api::PortStatus*> statuses;
  for (const auto& status : response.ports()) {
    statuses.emplace(status.id(), &status);
  }
  const FailuresOf ports{response, api::PORT, false};
  for (int i = 0; i < request.set_ports_size(); ++i) {
    const std::string& id = request.set_ports(i).id();
    if (ports.note(failures_.ports, id, i)) {
      continue;
    }
    const auto former = mirror_.ports.find(id);
    const api::PortState former_state =
        former == mirror_.ports.end() ? api::PORT_STATE_UNSPECIFIED : former->second.state;
    if (former != mirror_.ports.end()) {
      restore_neighbors_of(former->second);
    }
    const auto status = statuses.find(id);
    mirror_.set_port(id, decode(request.set_ports(i)),
                     status == statuses.end() ? nullptr : status->second);
    if (status != statuses.end() && status->second->state() != former_state) {
      note_port_state(id, status->second->state(), status->second->detail());
    }
  }

  const FailuresOf neighbors{response, api::NEIGHBOR, false};
  for (int i = 0; i < request.set_neighbors().vni_size(); ++i) {
    const NeighborKey key = key_of(request.set_neighbors(), i);
    if (!neighbors.note(failures_.neighbors, key, i)) {
      mirror_.set(mirror_.neighbors, key, object_of(request.set_neighbors(), i));
    }
  }

  const FailuresOf routes{response, api::ROUTE, false};
  for (int i = 0; i < request.set_routes_size(); ++i) {
    const RouteKey key = decode(request.set_routes(i).key());
    if (!routes.note(failures_.routes, key, i)) {
      mirror_.set(mirror_.routes, key, decode(request.set_routes(i)));
    }
  }

  const FailuresOf bindings{response, api::DHCP_BINDING, false};
  for (int i = 0; i < request.set_dhcp_bindings_size(); ++i) {
    const DhcpKey key = decode(request.set_dhcp_bindings(i).key());
    if (!bindings.note(failures_.dhcp, key, i)) {
      mirror_.set(mirror_.dhcp, key, decode(request.set_dhcp_bindings(i)));
    }
  }
}

void Reconciler::commit_deletes(const api::ApplyRequest& request,
                                const api::ApplyResponse& response) {
  const FailuresOf bindings{response, api::DHCP_BINDING, true};
  for (int i = 0; i < request.delete_dhcp_bindings_size(); ++i) {
    const DhcpKey key = decode(request.delete_dhcp_bindings(i));
    if (!bindings.note(failures_.dhcp, key, i)) {
      mirror_.erase(mirror_.dhcp, key);
      wants_retry_ = true;
    }
  }

  const FailuresOf routes{response, api::ROUTE, true};
  for (int i = 0; i < request.delete_routes_size(); ++i) {
    const RouteKey key = decode(request.delete_routes(i));
    if (!routes.note(failures_.routes, key, i)) {
      mirror_.erase(mirror_.routes, key);
      wants_retry_ = true;
    }
  }

  const FailuresOf neighbors{response, api::NEIGHBOR, true};
  const auto& rows = request.delete_neighbors();
  for (int i = 0; i < rows.vni_size(); ++i) {
    const NeighborKey key{IpAddress::from_numbers(rows.ip_high(i), rows.ip_low(i)),
                          Vni::from_trusted(rows.vni(i))};
    if (!neighbors.note(failures_.neighbors, key, i)) {
      mirror_.erase(mirror_.neighbors, key);
      wants_retry_ = true;
    }
  }

  const FailuresOf ports{response, api::PORT, true};
  for (int i = 0; i < request.delete_ports_size(); ++i) {
    const std::string& id = request.delete_ports(i);
    if (ports.note(failures_.ports, id, i)) {
      continue;
    }
    const auto former = mirror_.ports.find(id);
    if (former != mirror_.ports.end()) {
      restore_neighbors_of(former->second);
    }
    mirror_.erase_port(id);
    wants_retry_ = true;
  }

  const FailuresOf groups{response, api::SECURITY_GROUP, true};
  for (int i = 0; i < request.delete_security_groups_size(); ++i) {
    const std::string& id = request.delete_security_groups(i);
    if (!groups.note(failures_.security_groups, id, i)) {
      commit_security_group_delete(id);
    }
  }
  release_security_groups();

  const FailuresOf segments{response, api::SEGMENT, true};
  for (int i = 0; i < request.delete_segments_size(); ++i) {
    const Vni vni = Vni::from_trusted(request.delete_segments(i));
    if (!segments.note(failures_.segments, vni, i)) {
      mirror_.erase(mirror_.segments, vni);
      wants_retry_ = true;
    }
  }
}

}  // namespace alkaid::agent
