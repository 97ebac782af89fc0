// Decodes single resources into a DecodedGoalState; used by decoder.cpp.
#pragma once

#include <string_view>

#include "alcor/schema/goalstate.pb.h"
#include "control/agent/goal_state/decoded_goal_state.hpp"
#include "control/agent/goal_state/decoder.hpp"
#include "control/agent/goal_state/field_reader.hpp"

namespace alkaid::agent {

// Tunnels lead between addresses of one family. While none of ours is known, anything may be right.
bool is_reachable(const IpAddress& host, const std::vector<IpAddress>& own);

class ResourceDecoder {
 public:
  ResourceDecoder(const DecodeContext& context, DecodedGoalState& out)
      : context_(context), out_(out) {}

  // key: the resource's key in a v2 map, empty in v1 lists.
  void add(const alcor::schema::VpcState& state, std::string_view key);
  void add(const alcor::schema::SubnetState& state, std::string_view key);
  void add(const alcor::schema::PortState& state, std::string_view key);
  void add(const alcor::schema::NeighborState& state, std::string_view key);
  void add(const alcor::schema::DHCPState& state, std::string_view key);
  void add(const alcor::schema::RouterState& state, std::string_view key);
  void add(const alcor::schema::SecurityGroupState& state, std::string_view key);
  void add(const alcor::schema::GatewayState& state, std::string_view key);

  // A port of another host.
  void add_remote(const alcor::schema::PortState& state, std::string_view key);

 private:
  // Opens a resource's result; decides what its operation means.
  template <class State>
  Intent begin(ResourceType type, const State& state, std::string_view key) {
    revision_ = state.configuration().revision_number();
    return begin(type, state.operation_type(), state.configuration().id(), key);
  }
  Intent begin(ResourceType type, int operation, std::string_view id, std::string_view key);
  // Closes it: stores the change, or the refusal if a field was wrong.
  template <class Spec>
  void finish(std::vector<Change<Spec>>& changes, Intent intent, std::string_view id, Spec&& spec);

  void read_neighbor_addresses(const alcor::schema::NeighborConfiguration& configuration,
                               const google::protobuf::RepeatedPtrField<std::string>& encoded,
                               bool released_layout, NeighborSpec& spec);
  void read_neighbor_pairs(const google::protobuf::RepeatedPtrField<std::string>& encoded,
                           NeighborSpec& spec);
  std::string_view intern(const std::string& text);

  const DecodeContext& context_;
  DecodedGoalState& out_;
  FieldReader reader_;
  std::uint32_t revision_ = 0;
  alcor::schema::NeighborConfiguration::FixedIp fixed_ip_;
  std::string_view last_interned_;
};

template <class Spec>
void ResourceDecoder::finish(std::vector<Change<Spec>>& changes, Intent intent, std::string_view id,
                             Spec&& spec) {
  const auto result = static_cast<std::uint32_t>(out_.results.size() - 1);
  if (reader_.refused()) {
    out_.refuse(result, reader_.refusal());
  } else if (intent != Intent::kNothing) {
    changes.push_back({result, intent, revision_, id, std::forward<Spec>(spec)});
  }
}

}  // namespace alkaid::agent
