// Gateways, remembered by id only.
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::GatewayState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent =
      begin(ResourceType::kGateway, state.operation_type(), configuration.id(), key);
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  finish(out_.gateways, intent, configuration.id(), NoSpec{});
}

}  // namespace alkaid::agent
