// VPCs.
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::VpcState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kVpc, state, key);
  VpcSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    spec.replaces = configuration.update_type() == alcor::schema::FULL;
    spec.name = configuration.name();
    if (!configuration.cidr().empty()) {
      spec.cidr = reader_.prefix("configuration.cidr", configuration.cidr(), true);
    }
    if (reader_.list("configuration.gateway_ids", configuration.gateway_ids_size())) {
      spec.gateway_ids.assign(configuration.gateway_ids().begin(),
                              configuration.gateway_ids().end());
    }
    spec.vni = reader_.vni("configuration.tunnel_id", configuration.tunnel_id());
  }
  finish(out_.vpcs, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
