#include "control/agent/goal_state/neighbor_layout.hpp"

#include "control/common/net/ip_address.hpp"

namespace alkaid::agent {
namespace {

std::string_view last(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return field.empty() ? std::string_view{} : std::string_view{field.Get(field.size() - 1)};
}

}  // namespace

NeighborLayout detect_neighbor_layout(const alcor::schema::NeighborConfiguration& configuration) {
  const std::string_view field_8 = last(configuration.field_8());
  if (IpAddress::parse(field_8)) {
    return {true, field_8, &configuration.field_9(), &configuration.field_10()};
  }
  // Without a host address, as in a DELETE: fixed IPs are no address literals, and master's layout
  // has them in field 10.
  if (field_8.empty() && !configuration.field_9().empty() && configuration.field_10().empty() &&
      !IpAddress::parse(last(configuration.field_9()))) {
    return {true, {}, &configuration.field_9(), &configuration.field_10()};
  }
  return {false, last(configuration.field_9()), &configuration.field_10(),
          &configuration.field_11()};
}

}  // namespace alkaid::agent
