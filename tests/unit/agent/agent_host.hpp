// The agent between its two interfaces, for tests: goal states in, a fake data plane below.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/reconcile/reconciler.hpp"
#include "tests/unit/agent/fake_dataplane.hpp"
#include "tests/unit/agent/goal_states.hpp"

namespace alkaid::agent::test {

// An agent's insides on a data plane that outlives it.
struct Host {
  explicit Host(FakeDataplane& tables, bool connect = true, Policy policy = {})
      : dataplane(tables),
        client(tables),
        reconciler(client, events, IpAddress{}, std::move(policy)) {
    client.available = connect;
    reconciler.connect();
  }

  // The statuses of a pushed message.
  template <class Message>
  std::vector<Status> push(const Message& message) {
    std::string error;
    const auto attach = PortAttach::parse(port_attach, error);
    GoalStateTask task;
    task.decoded = decode(message, {*attach, reconciler.own_addresses()});
    reconciler.merge(task);
    reconciler.end_merge(task);
    slices = task.slices;
    reconciler.flush();
    reconciler.conclude(task);
    std::vector<Status> statuses;
    for (const auto& result : task.decoded.results) {
      statuses.push_back(result.status);
    }
    return statuses;
  }

  std::vector<Status> push(const schema::NeighborState& state) {
    schema::GoalState message;
    *message.add_neighbor_states() = state;
    return push(message);
  }
  std::vector<Status> push(const schema::PortState& state) {
    schema::GoalState message;
    *message.add_port_states() = state;
    return push(message);
  }
  std::vector<Status> push(const schema::SubnetState& state) {
    schema::GoalState message;
    *message.add_subnet_states() = state;
    return push(message);
  }
  std::vector<Status> push(const schema::RouterState& state) {
    schema::GoalState message;
    *message.add_router_states() = state;
    return push(message);
  }

  std::vector<Status> push(const schema::DHCPState& state) {
    schema::GoalState message;
    *message.add_dhcp_states() = state;
    return push(message);
  }

  std::vector<Status> push(const schema::VpcState& state) {
    schema::GoalState message;
    *message.add_vpc_states() = state;
    return push(message);
  }
  std::vector<Status> push(const schema::GatewayState& state) {
    schema::GoalState message;
    *message.add_gateway_states() = state;
    return push(message);
  }
  std::vector<Status> push(const schema::SecurityGroupState& state) {
    schema::GoalState message;
    *message.add_security_group_states() = state;
    return push(message);
  }

  v1::GetConfigResponse report() {
    v1::GetConfigResponse response;
    reconciler.report(response);
    return response;
  }

  std::vector<std::string> event_kinds() {
    std::vector<std::string> kinds;
    std::uint64_t number = 0;
    std::uint64_t lost = 0;
    v1::Event event;
    while (events.next(number, event, lost)) {
      kinds.push_back(event.kind());
    }
    return kinds;
  }

  std::vector<SliceReport> slices;  // of the last message

  FakeDataplane& dataplane;
  FakeClient client;
  EventLog events;
  Reconciler reconciler;
  std::string port_attach = "af_packet:{tap_name}";
};

// The whole network as messages of one resource each.
inline std::vector<schema::GoalState> single_messages() {
  const auto whole = whole_network();
  std::vector<schema::GoalState> messages;
  const auto split = [&messages](const auto& states, auto add) {
    for (const auto& state : states) {
      *add(messages.emplace_back()) = state;
    }
  };
  split(whole.vpc_states(), [](schema::GoalState& m) { return m.add_vpc_states(); });
  split(whole.subnet_states(), [](schema::GoalState& m) { return m.add_subnet_states(); });
  split(whole.port_states(), [](schema::GoalState& m) { return m.add_port_states(); });
  split(whole.neighbor_states(), [](schema::GoalState& m) { return m.add_neighbor_states(); });
  split(whole.dhcp_states(), [](schema::GoalState& m) { return m.add_dhcp_states(); });
  split(whole.router_states(), [](schema::GoalState& m) { return m.add_router_states(); });
  return messages;
}

}  // namespace alkaid::agent::test
