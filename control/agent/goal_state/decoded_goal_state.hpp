// One goal-state message, decoded: what each resource asks for, and what will be answered for it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/agent/goal_state/refusal.hpp"
#include "control/agent/goal_state/resources.hpp"
#include "control/agent/goal_state/slice_change.hpp"

namespace alkaid::agent {

// Numbers of alcor.schema.OperationStatus.
enum class Status : std::uint8_t {
  kSuccess = 0,
  kFailure = 1,
  kInvalidArgument = 2,
  kPending = 3,
  kOutOfOrder = 4,
};

std::string_view to_string(ResourceType type);   // "PORT"
std::string_view to_string(Status status);       // "PENDING"
std::string_view operation_name(int operation);  // "CREATE"

// The answer for one resource.
struct ResourceResult {
  std::string_view id;  // as the client calls it
  ResourceType type = ResourceType::kVpc;
  std::uint8_t operation = 0;  // as it came
  Status status = Status::kSuccess;
};

template <class Spec>
struct Change {
  std::uint32_t result = 0;  // index into results
  Intent intent = Intent::kSet;
  std::uint32_t revision = 0;  // configuration.revision_number; 0: none
  std::string_view id;
  Spec spec;
};

struct RefusedResource {
  std::uint32_t result = 0;
  Refusal refusal;
};

struct DecodedGoalState {
  std::vector<ResourceResult> results;
  // The first ones; each has its result, but a flood of reasons is only counted.
  static constexpr std::size_t kMostRefused = 1000;
  std::vector<RefusedResource> refused;
  std::size_t refused_more = 0;

  void refuse(std::uint32_t result, Refusal refusal, Status status = Status::kInvalidArgument) {
    results[result].status = status;
    if (refused.size() < kMostRefused) {
      refused.push_back({result, std::move(refusal)});
    } else {
      ++refused_more;
    }
  }

  std::vector<Change<VpcSpec>> vpcs;
  std::vector<Change<SubnetSpec>> subnets;
  std::vector<Change<PortSpec>> ports;
  std::vector<Change<NeighborSpec>> neighbors;
  std::vector<Change<DhcpSpec>> dhcp;
  std::vector<Change<RouterSpec>> routers;
  std::vector<Change<SecurityGroupSpec>> security_groups;
  std::vector<Change<VpcGatewaySpec>> gateways;

  // Ports of other hosts that the message tells of; they have no results.
  std::vector<RemotePortSpec> remote_ports;

  // The resources are this slice's.
  std::optional<SliceChange> slice;

  // Text that the message itself doesn't hold in readable form; nodes keep their addresses.
  std::unordered_set<std::string> strings;

  // Resources that belong to other hosts and were left out.
  std::size_t filtered = 0;

  // The message names several hosts and this host's own address isn't known yet: nothing is
  // applied.
  bool postponed = false;
};

}  // namespace alkaid::agent
