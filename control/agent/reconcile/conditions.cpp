// Reconciler: what came of a resource.
#include "control/agent/reconcile/conditions.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/agent/reconcile/reconciler.hpp"
#include "control/common/logging.hpp"

namespace alkaid::agent {
namespace {

// Of one message; what goes beyond is summed up, so that a flood can't wash everything else away.
constexpr std::size_t kMostEventsPerMessage = 32;

v1::Problem make_problem(const ResourceResult& result, const Condition& condition) {
  v1::Problem problem;
  problem.set_time_microseconds(now_microseconds());
  problem.set_resource_type(std::string{to_string(result.type)});
  problem.set_resource_id(printable(result.id));
  problem.set_operation(std::string{operation_name(result.operation)});
  problem.set_status(std::string{to_string(condition.status)});
  problem.set_field(condition.field);
  problem.set_value(condition.value);
  problem.set_message(condition.message);
  return problem;
}

std::string describe(const v1::Problem& problem) {
  std::string text =
      fmt::format("{} {} {}", problem.resource_type(), problem.resource_id(), problem.status());
  if (!problem.field().empty()) {
    text += fmt::format(": {} '{}'", problem.field(), problem.value());
  }
  return text + (problem.field().empty() ? ": " : " ") + problem.message();
}

}  // namespace

Condition Reconciler::disconnected() const {
  return connected_ ? Condition{}
                    : pending("", "", "the data plane is not connected: programmed when it is");
}

Condition Reconciler::subnet_unresolved(std::string_view id) {
  const Subnet* subnet = store_.find_subnet_to_wait_for(id);
  if (subnet == nullptr || !subnet->known) {
    return pending("subnet_id", printable(id), "this subnet is not known yet");
  }
  return pending(
      "vpc_id", printable(subnet->spec.vpc_id),
      fmt::format("subnet {} has no tunnel_id and neither has its VPC yet", printable(id)));
}

Condition Reconciler::subnet_condition(std::string_view id) {
  const Subnet* subnet = store_.find_subnet(id);
  if (subnet == nullptr || !subnet->known) {
    return disconnected();
  }
  return subnet->vni == Vni{} ? subnet_unresolved(id)
                              : object_condition(failures_.segments, subnet->vni);
}

// A VPC needs nothing itself, but its VNI is in effect only with the subnets that have it from
// there.
Condition Reconciler::vpc_condition(std::string_view id) {
  const Vpc* vpc = store_.find_vpc(id);
  if (vpc == nullptr || vpc->spec.vni == Vni{}) {
    return {};
  }
  for (const Subnet* subnet : vpc->subnets) {
    Condition condition = subnet->spec.vni == Vni{} ? subnet_condition(subnet->id) : Condition{};
    if (condition.status != Status::kSuccess) {
      return condition;
    }
  }
  return {};
}

Condition Reconciler::port_condition(const std::string& id) {
  const PortSpec* spec = store_.find_port(id);
  if (spec == nullptr) {
    return object_condition(failures_.ports, id);
  }
  const Subnet* home_v4 = store_.home_of(*spec, true);
  const Subnet* home_v6 = store_.home_of(*spec, false);
  const Subnet* home = home_v4 != nullptr ? home_v4 : home_v6;
  if (home->vni == Vni{}) {
    return subnet_unresolved(home->id);
  }
  Condition condition = object_condition(failures_.ports, id);
  if (condition.status != Status::kSuccess) {
    return condition;
  }
  const auto programmed = mirror_.ports.find(id);
  if (programmed != mirror_.ports.end() && programmed->second.state != api::ATTACHED) {
    const bool failed = programmed->second.state == api::FAILED;
    const std::string& detail = programmed->second.detail;
    return pending("attachment", spec->attachment,
                   failed           ? "the device can't be opened, tried again: " + detail
                   : detail.empty() ? "waits for its device"
                                    : detail);
  }
  for (const PortFixedIp& fixed_ip : spec->fixed_ips) {
    const Subnet* subnet = store_.find_subnet(fixed_ip.subnet_id);
    if (subnet == nullptr || subnet->vni == Vni{}) {
      return subnet_unresolved(fixed_ip.subnet_id);
    }
    const bool v4 = fixed_ip.address.is_v4();
    const Vni own = (v4 ? home_v4 : home_v6)->vni;
    if (subnet->vni != own) {
      return pending("configuration.fixed_ips", fixed_ip.address.to_string(),
                     fmt::format("left out: its subnet has VNI {}, the port's first {} address {}",
                                 subnet->vni.number(), v4 ? "IPv4" : "IPv6", own.number()));
    }
  }
  return port_groups_condition(*spec);
}

Condition Reconciler::neighbor_condition(const NeighborAddress& address) {
  if (!connected_) {
    return disconnected();
  }
  const Subnet* subnet = store_.find_subnet(address);
  if (subnet != nullptr && subnet->vni != Vni{} && failures_.neighbors.empty()) {
    return {};  // the usual case, a million times
  }
  if (subnet == nullptr || !subnet->neighbors.contains(address.address)) {
    const Vni vni = subnet != nullptr && subnet->vni != Vni{} ? subnet->vni : address.vni;
    return object_condition(failures_.neighbors, NeighborKey{address.address, vni});
  }
  return subnet->vni == Vni{}
             ? subnet_unresolved(address.subnet_id)
             : object_condition(failures_.neighbors, NeighborKey{address.address, subnet->vni});
}

Condition Reconciler::pair_condition(const NeighborAddress& address, const IpAddress& pair) {
  const Subnet* subnet = failures_.neighbors.empty() ? nullptr : store_.find_subnet(address);
  return subnet == nullptr ? Condition{}
                           : object_condition(failures_.neighbors, NeighborKey{pair, subnet->vni});
}

Condition Reconciler::dhcp_condition(std::string_view subnet_id, const MacAddress& mac) {
  const Subnet* subnet = store_.find_subnet(subnet_id);
  if (subnet == nullptr) {
    return disconnected();
  }
  if (subnet->vni == Vni{} && subnet->dhcp.contains(mac)) {
    return subnet_unresolved(subnet_id);
  }
  Condition condition = object_condition(failures_.dhcp, DhcpKey{subnet->vni, mac});
  const auto row = subnet->dhcp.find(mac);
  if (condition.status == Status::kSuccess && row != subnet->dhcp.end() &&
      !row->second.ipv6.is_unset()) {
    const Subnet& home = store_.home_of_dhcpv6(*subnet, mac, row->second.ipv6);
    return home.vni == Vni{} ? subnet_unresolved(home.id)
                             : object_condition(failures_.dhcp, DhcpKey{home.vni, mac});
  }
  return condition;
}

void Reconciler::conclude(GoalStateTask& task) {
  DecodedGoalState& decoded = task.decoded;
  Reported reported;
  const auto settle = [&](std::uint32_t index, Condition condition) {
    ResourceResult& result = decoded.results[index];
    if (condition.status != Status::kSuccess && result.status == Status::kSuccess) {
      result.status = condition.status;
      // Many that wait must not hide the few that failed.
      const bool waits = condition.status == Status::kPending;
      const std::size_t alike =
          waits ? reported.pending : reported.conditions.size() - reported.pending;
      if (alike < kMostEventsPerMessage) {
        reported.pending += waits ? 1 : 0;
        reported.conditions.emplace_back(index, std::move(condition));
      } else {
        ++reported.more;
      }
    }
  };
  for (const auto& change : decoded.vpcs) {
    settle(change.result, vpc_condition(change.id));
  }
  for (const auto& change : decoded.subnets) {
    settle(change.result, subnet_condition(change.id));
  }
  for (const auto& change : decoded.ports) {
    settle(change.result, port_condition(std::string{change.id}));
  }
  const auto settle_neighbors = [&](const std::vector<Change<NeighborSpec>>& neighbors) {
    for (const auto& change : neighbors) {
      for (const NeighborAddress& address : change.spec.addresses) {
        settle(change.result, neighbor_condition(address));
        for (const NeighborPair& pair : change.spec.pairs) {
          settle(change.result, pair_condition(address, pair.address));
        }
      }
    }
  };
  settle_neighbors(decoded.neighbors);
  for (const NeighborPart& part : task.parts) {
    settle_neighbors(part.decoded.neighbors);
  }
  for (const auto& change : decoded.dhcp) {
    settle(change.result, dhcp_condition(change.spec.subnet_id, change.spec.mac));
  }
  for (const auto& change : decoded.routers) {
    settle(change.result, router_condition(change.id));
    for (const SubnetRoutingSpec& table : change.spec.subnets) {
      for (const RoutingRuleSpec& rule : table.rules) {
        settle(change.result, rule_condition(change.id, table.subnet_id, rule));
      }
    }
  }
  for (const auto& change : decoded.security_groups) {
    settle(change.result, security_group_condition(std::string{change.id}));
  }
  report_events(task, reported);
}

void Reconciler::report_events(const GoalStateTask& task, const Reported& reported) {
  const DecodedGoalState& decoded = task.decoded;
  for (std::size_t i = 0; i < decoded.refused.size(); ++i) {
    const bool is_told = i < kMostEventsPerMessage;
    if (!is_told && i + EventLog::kMostRefused < decoded.refused.size()) {
      continue;  // the event log would forget it at once
    }
    const RefusedResource& refused = decoded.refused[i];
    const Status status = decoded.results[refused.result].status;
    const Condition condition{status, refused.refusal.field, refused.refusal.value,
                              refused.refusal.message};
    const v1::Problem problem = make_problem(decoded.results[refused.result], condition);
    events_.remember_refused(problem);
    if (is_told) {
      const std::string text = describe(problem);
      spdlog::warn("refused: {}", text);
      events_.add(v1::Event::WARNING,
                  status == Status::kOutOfOrder ? "resource_out_of_order" : "resource_refused",
                  text, problem);
    }
  }
  const std::size_t refusals = decoded.refused.size() + decoded.refused_more;
  if (refusals > kMostEventsPerMessage) {
    const std::string text = fmt::format("{} more resources of this message were refused",
                                         refusals - kMostEventsPerMessage);
    spdlog::warn("{}", text);
    events_.add(v1::Event::WARNING, "resources_refused", text);
  }

  for (const auto& [index, condition] : reported.conditions) {
    const bool failed = condition.status == Status::kFailure;
    v1::Problem problem = make_problem(decoded.results[index], condition);
    std::string text = describe(problem);
    if (condition.status == Status::kInvalidArgument) {
      spdlog::warn("refused: {}", text);
      events_.remember_refused(problem);
      events_.add(v1::Event::WARNING, "resource_refused", std::move(text), std::move(problem));
      continue;
    }
    failed ? spdlog::error("{}", text) : spdlog::debug("{}", text);
    events_.add(failed ? v1::Event::ERROR : v1::Event::INFO,
                failed ? "resource_failed" : "resource_pending", std::move(text),
                std::move(problem));
  }
  if (reported.more > 0) {
    events_.add(
        v1::Event::INFO, "resources_pending",
        fmt::format("{} more resources of this message are pending or failed", reported.more));
  }
  if (decoded.postponed) {
    const std::string_view text =
        "a goal state for several hosts came before this host's address was known: nothing of it "
        "was applied; start the data plane or give --host-ip, and push it again";
    spdlog::warn("{}", text);
    events_.add(v1::Event::WARNING, "goal_state_postponed", std::string{text});
  }
}

// ---------------------------------------------------------------- report

void Reconciler::report(v1::GetConfigResponse& response) {
  const auto add_pending = [&](ResourceType type, std::string_view id, const Condition& condition) {
    if (static_cast<std::size_t>(response.pending_size()) < kMostReported) {
      *response.add_pending() = make_problem({id, type, 0, condition.status}, condition);
      response.mutable_pending()->rbegin()->clear_operation();
    }
  };
  std::array<std::uint64_t, kResourceTypes> pending_counts{};
  const auto consider = [&](ResourceType type, std::string_view id, const Condition& condition) {
    if (condition.status != Status::kSuccess) {
      ++pending_counts[static_cast<std::size_t>(type)];
      add_pending(type, id, condition);
    }
  };

  for (const auto& [id, port] : store_.ports()) {
    consider(ResourceType::kPort, id, port_condition(id));
  }
  for (const auto& [id, group] : store_.security_groups()) {
    if (group.known) {
      consider(ResourceType::kSecurityGroup, id, security_group_condition(id));
    }
  }
  for (const auto& [id, router] : store_.routers()) {
    Condition condition = router_condition(id);
    consider(ResourceType::kRouter, id,
             condition.status == Status::kSuccess ? rules_condition(id, router) : condition);
  }
  for (const auto& [id, subnet] : store_.subnets()) {
    if (subnet->known) {
      consider(ResourceType::kSubnet, id, subnet_condition(id));
    }
    for (const auto& [mac, row] : subnet->dhcp) {
      const Condition condition = dhcp_condition(id, mac);
      if (condition.status != Status::kSuccess) {
        consider(ResourceType::kDhcp, fmt::format("{}/{}", id, mac.to_string()), condition);
      }
    }
    if (connected_ && subnet->vni == Vni{}) {
      auto& count = pending_counts[static_cast<std::size_t>(ResourceType::kNeighbor)];
      count += subnet->neighbors.size();
      const Condition condition = subnet->neighbors.empty() ? Condition{} : subnet_unresolved(id);
      for (const auto& [address, row] : subnet->neighbors) {
        if (static_cast<std::size_t>(response.pending_size()) >= kMostReported) {
          break;
        }
        add_pending(ResourceType::kNeighbor, fmt::format("{}/{}", id, address.to_string()),
                    condition);
      }
    }
  }
  auto& neighbors = pending_counts[static_cast<std::size_t>(ResourceType::kNeighbor)];
  if (!connected_) {
    neighbors = store_.count(ResourceType::kNeighbor);
  }
  for (const auto& [key, failure] : failures_.neighbors) {
    neighbors += failure.is_delete ? 0 : 1;
    add_pending(ResourceType::kNeighbor,
                fmt::format("vni {}/{}", key.vni.number(), key.address.to_string()),
                object_condition(failures_.neighbors, key));
  }

  for (std::size_t i = 0; i < kResourceTypes; ++i) {
    const auto type = static_cast<ResourceType>(i);
    auto& count = *response.add_resources();
    count.set_type(std::string{to_string(type)});
    count.set_wanted(store_.count(type));
    count.set_pending(std::min<std::uint64_t>(pending_counts[i], count.wanted()));
    count.set_applied(count.wanted() - count.pending());
  }
  response.set_dataplane_connected(connected_);
  const bool is_written = dirty_.empty() && left_for_flush_.empty() && pipe_.under_way() == 0;
  response.set_in_sync(connected_ && is_written && !is_writing_ && failures_.empty());
  response.set_dataplane_instance(connected_ ? instance_ : 0);
  response.set_dataplane_operations(operations_);
  response.set_unclaimed_objects(mirror_.unclaimed());
  response.set_goal_states(goal_states_);
  for (v1::Problem& problem : events_.refused()) {
    *response.add_refused() = std::move(problem);
  }
}

}  // namespace alkaid::agent
