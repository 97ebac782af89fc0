#include "control/agent/goal_state/decoder.hpp"

#include <type_traits>

#include "control/agent/goal_state/host_filter.hpp"
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

template <class Message>
void read_slice(const Message& message, DecodedGoalState& decoded) {
  if (!message.has_slice()) {
    return;
  }
  const alcor::schema::Slice& slice = message.slice();
  const bool is_known = alcor::schema::Slice::Operation_IsValid(slice.operation());
  decoded.slice = SliceChange{
      slice.name(),
      is_known ? static_cast<SliceOperation>(slice.operation()) : SliceOperation::kUnknown,
      slice.base_version(), slice.base_digest().substr(0, SliceChange::kMostDigestBytes),
      slice.version()};
}

}  // namespace

void drop_changes(DecodedGoalState& decoded) {
  decoded.vpcs.clear();
  decoded.subnets.clear();
  decoded.ports.clear();
  decoded.remote_ports.clear();
  decoded.neighbors.clear();
  decoded.dhcp.clear();
  decoded.routers.clear();
  decoded.security_groups.clear();
  decoded.gateways.clear();
}

// Applying it could create other hosts' ports here.
void postpone(DecodedGoalState& decoded) {
  decoded.postponed = true;
  for (ResourceResult& result : decoded.results) {
    if (result.status == Status::kSuccess) {
      result.status = Status::kPending;
    }
  }
  drop_changes(decoded);
}

DecodedGoalState decode(const alcor::schema::GoalState& message, const DecodeContext& context) {
  DecodedGoalState decoded;
  ResourceDecoder decoder{context, decoded};
  const auto add_all = [&decoder](const auto& states) {
    for (const auto& state : states) {
      decoder.add(state, {});
    }
  };
  decoded.neighbors.reserve(static_cast<std::size_t>(message.neighbor_states_size()));
  add_all(message.vpc_states());
  add_all(message.subnet_states());
  add_all(message.port_states());
  add_all(message.neighbor_states());
  add_all(message.security_group_states());
  add_all(message.dhcp_states());
  add_all(message.router_states());
  add_all(message.gateway_states());
  read_slice(message, decoded);
  return decoded;
}

DecodedGoalState decode(const alcor::schema::GoalStateV2& message, const DecodeContext& context) {
  DecodedGoalState decoded;
  const HostFilter filter{message, context.own_addresses};
  ResourceDecoder decoder{context, decoded};
  const auto add_all = [&](ResourceType type, const auto& states) {
    for (const auto& [key, state] : states) {
      if (filter.admits(type, key, state.configuration().id())) {
        decoder.add(state, key);
      } else {
        ++decoded.filtered;
        if constexpr (std::is_same_v<std::decay_t<decltype(state)>, alcor::schema::PortState>) {
          decoder.add_remote(state, key);
        }
      }
    }
  };
  decoded.neighbors.reserve(message.neighbor_states().size());
  add_all(ResourceType::kVpc, message.vpc_states());
  add_all(ResourceType::kSubnet, message.subnet_states());
  add_all(ResourceType::kPort, message.port_states());
  add_all(ResourceType::kNeighbor, message.neighbor_states());
  add_all(ResourceType::kSecurityGroup, message.security_group_states());
  add_all(ResourceType::kDhcp, message.dhcp_states());
  add_all(ResourceType::kRouter, message.router_states());
  add_all(ResourceType::kGateway, message.gateway_states());
  read_slice(message, decoded);
  if (filter.undecidable()) {
    postpone(decoded);
  }
  return decoded;
}

DecodedGoalState decode(const alcor::schema::NeighborRulesRequest& message,
                        const DecodeContext& context) {
  DecodedGoalState decoded;
  ResourceDecoder decoder{context, decoded};
  decoded.neighbors.reserve(static_cast<std::size_t>(message.neigborstates_size()));
  for (const auto& state : message.neigborstates()) {
    decoder.add(state, {});
  }
  return decoded;
}

}  // namespace alkaid::agent
