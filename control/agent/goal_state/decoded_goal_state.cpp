#include "control/agent/goal_state/decoded_goal_state.hpp"

namespace alkaid::agent {

std::string_view to_string(ResourceType type) {
  switch (type) {
    case ResourceType::kVpc:
      return "VPC";
    case ResourceType::kSubnet:
      return "SUBNET";
    case ResourceType::kPort:
      return "PORT";
    case ResourceType::kNeighbor:
      return "NEIGHBOR";
    case ResourceType::kSecurityGroup:
      return "SECURITYGROUP";
    case ResourceType::kDhcp:
      return "DHCP";
    case ResourceType::kRouter:
      return "ROUTER";
    case ResourceType::kGateway:
      return "GATEWAY";
  }
  return "UNKNOWN";
}

std::string_view to_string(Status status) {
  switch (status) {
    case Status::kSuccess:
      return "SUCCESS";
    case Status::kFailure:
      return "FAILURE";
    case Status::kInvalidArgument:
      return "INVALID_ARG";
    case Status::kPending:
      return "PENDING";
    case Status::kOutOfOrder:
      return "OUT_OF_ORDER";
  }
  return "UNKNOWN";
}

std::string_view operation_name(int operation) {
  constexpr std::array<std::string_view, 5> kNames = {"INFO", "CREATE", "UPDATE", "GET", "DELETE"};
  const auto index = static_cast<std::size_t>(operation);
  return operation >= 0 && index < kNames.size() ? kNames[index] : "UNKNOWN";
}

}  // namespace alkaid::agent
