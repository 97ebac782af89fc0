// Security groups, remembered by id only.
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::SecurityGroupState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kSecurityGroup, state.operation_type(), configuration.id(), key);
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  finish(out_.security_groups, intent, configuration.id(), NoSpec{});
}

}  // namespace alkaid::agent
