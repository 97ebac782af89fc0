// Reconciler: goal states into the desired state.
#include <utility>

#include <fmt/format.h>

#include "control/agent/desired/slice_resources.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {

// One message's order within a type is kept; between types none is needed.
void Reconciler::merge(GoalStateTask& task) {
  ++goal_states_;
  DecodedGoalState& decoded = task.decoded;
  if (!begin_slice(task)) {
    return;  // it has no changes any more
  }
  // A refused message is to be sent again: its revisions mustn't count.
  if (store_.policy().strict_revisions) {
    drop_out_of_order(decoded);
  }
  const auto merge_each = [&](const auto& changes, const auto& set, const auto& erase) {
    for (const auto& change : changes) {
      merge_in_slices(store_, decoded, change, [&] {
        change.intent == Intent::kSet ? set(change) : erase(change);
        return true;
      });
    }
  };
  merge_each(
      decoded.vpcs, [this](const auto& change) { store_.set_vpc(change.id, change.spec); },
      [this](const auto& change) { store_.delete_vpc(change.id); });
  merge_each(
      decoded.gateways, [this](const auto& change) { store_.set_gateway(change.id, change.spec); },
      [this](const auto& change) { store_.delete_gateway(change.id); });
  merge_each(
      decoded.subnets, [this](const auto& change) { store_.set_subnet(change.id, change.spec); },
      [this](const auto& change) { store_.delete_subnet(change.id, change.spec.vni); });
  for (const auto& change : decoded.routers) {
    merge_in_slices(store_, decoded, change, [&] { return merge_router(decoded, change); });
  }
  for (auto& change : decoded.ports) {
    merge_in_slices(store_, decoded, change, [&] {
      merge_port(decoded, change);
      return true;
    });
  }
  merge_remote_ports(decoded.remote_ports);
  merge_neighbors(decoded, decoded.neighbors);
  merge_each(
      decoded.dhcp, [this](const auto& change) { store_.set_dhcp(change.spec); },
      [&](const auto& change) {
        if (!store_.delete_dhcp(change.spec)) {
          conclude_delete(decoded, change.result, delete_dhcp_in_mirror(change.spec));
        }
      });
  merge_each(
      decoded.security_groups,
      [this](const auto& change) { store_.groups().set(change.id, change.spec); },
      [this](const auto& change) { store_.groups().erase(change.id); });
}

void Reconciler::merge_neighbors(DecodedGoalState& decoded,
                                 const std::vector<Change<NeighborSpec>>& neighbors) {
  constexpr std::size_t kManyNeighbors = 4096;  // fewer aren't worth a rehash of their own
  if (neighbors.size() >= kManyNeighbors) {
    dirty_.neighbors.reserve(dirty_.neighbors.size() + neighbors.size());
  }
  const bool is_sliced = store_.slices().is_used();
  for (const auto& change : neighbors) {
    if (change.intent == Intent::kSet) {
      set_neighbor(decoded, change);
    } else if (is_sliced) {
      merge_neighbor_delete(decoded, without_held(change));
    } else {
      store_.delete_pairs(change.id, change.spec);
      merge_neighbor_delete(decoded, change);
    }
  }
}

void Reconciler::set_neighbor(DecodedGoalState& decoded, const Change<NeighborSpec>& change) {
  const bool is_sliced = store_.slices().is_used();
  bool is_accepted = true;
  for (const NeighborAddress& address : change.spec.addresses) {
    if (is_sliced && !admit_to_slice(store_, decoded, change.result, slice_item(change, address))) {
      is_accepted = false;
      continue;
    }
    const bool was_known = is_sliced && is_known(store_, slice_item(change, address));
    if (!store_.set_neighbor(address,
                             {change.spec.mac, change.spec.host, station_key(change.id)})) {
      is_accepted = false;
      decoded.refuse(change.result,
                     {"configuration.fixed_ips.tunnel_id", fmt::format("{}", address.vni.number()),
                      fmt::format("is not the VNI that other neighbors say subnet {} has: delete "
                                  "them first, or push the subnet itself",
                                  printable(address.subnet_id))});
    } else if (is_sliced) {
      const SliceItem item = slice_item(change, address);
      std::string former = store_.slices().say(item, content_of(change, item), was_known);
      if (!former.empty()) {
        maybe_orphans_.push_back({std::string{item.scope}, item.vni, std::move(former)});
      }
    }
  }
  if (is_accepted) {
    store_.set_pairs(change.id, change.spec);
    store_.set_neighbor_groups(change.spec);
  }
}

void Reconciler::merge_part(GoalStateTask& task, NeighborPart part) {
  if (store_.policy().strict_revisions && !task.is_refused && !task.decoded.postponed) {
    drop_out_of_order(part.decoded);
  }
  DecodedGoalState& whole = task.decoded;
  const auto offset = static_cast<std::uint32_t>(whole.results.size());
  const auto results = std::exchange(part.decoded.results, {});
  whole.results.insert(whole.results.end(), results.begin(), results.end());
  for (RefusedResource& refused : part.decoded.refused) {
    const std::uint32_t result = offset + refused.result;
    whole.refuse(result, std::move(refused.refusal), whole.results[result].status);
  }
  whole.refused_more += part.decoded.refused_more;
  whole.filtered += part.decoded.filtered;
  if (task.is_refused) {
    refuse_changes(part.decoded);
    for (std::size_t i = offset; i < whole.results.size(); ++i) {
      whole.results[i].status = Status::kOutOfOrder;
    }
  }
  refuse_gets(whole, offset);
  for (auto& change : part.decoded.neighbors) {
    change.result += offset;
  }
  merge_neighbors(whole, part.decoded.neighbors);
  task.parts.push_back(std::move(part));
}

void Reconciler::merge_remote_ports(const std::vector<RemotePortSpec>& ports) {
  std::size_t forgotten = 0;
  for (const RemotePortSpec& port : ports) {
    forgotten += store_.set_remote_port(port) ? 0 : 1;
  }
  if (forgotten > 0) {
    events_.add(v1::Event::WARNING, "remote_ports_full",
                fmt::format("{} ports of other hosts are not remembered, since {} are: they are in "
                            "no security group unless their neighbor states say so",
                            forgotten, Stations::kMostRemote));
  }
}

void Reconciler::drop_out_of_order(DecodedGoalState& decoded) {
  const auto drop_from = [&](ResourceType type, auto& changes, const auto& key_of) {
    std::erase_if(changes, [&](const auto& change) {
      const auto newer = revisions_.advance(type, key_of(change), change.revision);
      if (newer) {
        decoded.refuse(change.result,
                       {"configuration.revision_number", fmt::format("{}", change.revision),
                        fmt::format("is older than {}, which was applied: not applied", *newer)},
                       Status::kOutOfOrder);
      }
      return newer.has_value();
    });
  };
  const auto id = [](const auto& change) { return change.id; };
  drop_from(ResourceType::kVpc, decoded.vpcs, id);
  drop_from(ResourceType::kSubnet, decoded.subnets, id);
  drop_from(ResourceType::kPort, decoded.ports, id);
  drop_from(ResourceType::kNeighbor, decoded.neighbors, id);
  // Clients make a new id for every push.
  drop_from(ResourceType::kDhcp, decoded.dhcp, [](const auto& change) {
    return fmt::format("{}/{}", change.spec.subnet_id, change.spec.mac.to_string());
  });
  drop_from(ResourceType::kRouter, decoded.routers, id);
  drop_from(ResourceType::kGateway, decoded.gateways, id);
  drop_from(ResourceType::kSecurityGroup, decoded.security_groups, id);
}

bool Reconciler::merge_router(DecodedGoalState& decoded, const Change<RouterSpec>& change) {
  const bool deleted = change.intent == Intent::kDelete;
  const bool known = store_.find_router(std::string{change.id}) != nullptr;
  if ((deleted || change.spec.replaces) && !settle_router(router_key(change.id), known)) {
    conclude_delete(decoded, change.result, DeleteOutcome::kNoRoom);
    return false;
  }
  if (!deleted && deletes_unknown_rule(change)) {
    decoded.refuse(change.result,
                   {"routing_rules.destination", "",
                    "must say which route goes: the rule is not known since the agent's "
                    "restart. The rest is applied"},
                   Status::kPending);
  }
  if (deleted) {
    store_.delete_router(change.id);
  } else if (!store_.set_router(change.id, change.spec)) {
    decoded.refuse(change.result,
                   {"configuration.id", printable(change.id),
                    "has the same 64-bit key as another router's id: choose another id"});
    return false;
  }
  return true;
}

bool Reconciler::deletes_unknown_rule(const Change<RouterSpec>& change) const {
  if (is_complete_ || (connected_ && !unclaimed_routers_.contains(router_key(change.id)))) {
    return false;  // nothing is there that isn't known
  }
  for (const SubnetRoutingSpec& table : change.spec.subnets) {
    for (const RoutingRuleSpec& rule : table.rules) {
      if (rule.is_delete && !rule.destination &&
          !store_.knows_rule(change.id, table.subnet_id, rule.id)) {
        return true;
      }
    }
  }
  return false;
}

void Reconciler::merge_neighbor_delete(DecodedGoalState& decoded,
                                       const Change<NeighborSpec>& change) {
  // Rows that only the data plane knows, where they can be told.
  for (const NeighborPair& pair : change.spec.pairs) {
    delete_in_mirror({false, pair.address, pair.mac});
  }
  for (const NeighborAddress& address : change.spec.addresses) {
    if (!store_.delete_neighbor(change.id, address)) {
      conclude_delete(decoded, change.result,
                      delete_in_mirror({false, address.address, change.spec.mac}));
    }
  }
}

void Reconciler::conclude_delete(DecodedGoalState& decoded, std::uint32_t result,
                                 DeleteOutcome outcome) {
  if (outcome == DeleteOutcome::kUnclear) {
    decoded.results[result].status = Status::kPending;
  } else if (outcome == DeleteOutcome::kNoRoom) {
    decoded.refuse(result, {"operation_type", "DELETE",
                            "too many deletes wait for the data plane: send it again when it is "
                            "connected"});
  }
}

// Tenants may use the same MACs and the same addresses: only both together say enough.
Reconciler::DeleteOutcome Reconciler::delete_in_mirror(const DeferredDelete& deleted) {
  if (is_complete_) {
    return DeleteOutcome::kDone;  // what isn't known is nowhere
  }
  if (deleted.mac.is_zero() || deleted.address.is_unset()) {
    return DeleteOutcome::kUnclear;
  }
  if (!connected_) {
    if (deferred_deletes_.size() >= kMostDeferredDeletes) {
      return DeleteOutcome::kNoRoom;
    }
    deferred_deletes_.push_back(deleted);
    return DeleteOutcome::kDone;
  }
  const auto mark_only = [](const auto& found, auto& marks) {
    if (found.size() == 1) {
      marks.insert(found.front());
    }
    return found.size() <= 1 ? DeleteOutcome::kDone : DeleteOutcome::kUnclear;
  };
  return deleted.is_dhcp
             ? mark_only(mirror_.find_unclaimed_dhcp(deleted.mac, deleted.address), dirty_.dhcp)
             : mark_only(mirror_.find_unclaimed_neighbors(deleted.address, deleted.mac),
                         dirty_.neighbors);
}

// Its addresses may be bound in a segment each.
Reconciler::DeleteOutcome Reconciler::delete_dhcp_in_mirror(const DhcpSpec& spec) {
  DeleteOutcome outcome = spec.ipv4.is_unset() && spec.ipv6.is_unset() && !is_complete_
                              ? DeleteOutcome::kUnclear
                              : DeleteOutcome::kDone;
  for (const IpAddress& address : {spec.ipv4, spec.ipv6}) {
    if (outcome == DeleteOutcome::kDone && !address.is_unset()) {
      outcome = delete_in_mirror({true, address, spec.mac});
    }
  }
  return outcome;
}

bool Reconciler::settle_router(std::uint64_t key, bool known) {
  if (is_complete_) {
    return true;
  }
  const bool read_back = unclaimed_routers_.erase(key) > 0;
  if (connected_ && !read_back && !known) {
    return true;  // nothing anywhere
  }
  if (!settled_routers_.contains(key) && settled_routers_.size() >= kMostDeferredDeletes) {
    return false;
  }
  settled_routers_.insert(key);
  settling_routers_.insert(key);
  return true;
}

void Reconciler::mark_settled_routers() {
  std::erase_if(settling_routers_, [this](std::uint64_t key) {
    // A route whose subnet is still to come must not go before it.
    if (!store_.knows_subnets_of(key)) {
      return false;
    }
    std::vector<Vni> vnis = store_.vnis_of(key);
    for (const auto& [vni, segment] : mirror_.segments) {
      if (segment.object.router == key) {
        vnis.push_back(vni);
      }
    }
    for (const Vni vni : vnis) {
      if (store_.wanted_segment(vni)) {
        dirty_.segments.insert(vni);
      }
      mark_programmed_routes(rule_table_key(vni));
    }
    mark_programmed_routes(key);
    return true;
  });
}

void Reconciler::mark_programmed_routes(std::uint64_t table) {
  for (auto route = mirror_.routes.lower_bound({table, {}});
       route != mirror_.routes.end() && route->first.table == table; ++route) {
    dirty_.routes.insert(route->first);
  }
}

}  // namespace alkaid::agent
