// VPCs.
#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::VpcState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kVpc, state.operation_type(), configuration.id(), key);
  VpcSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    if (!configuration.cidr().empty()) {
      reader_.prefix("configuration.cidr", configuration.cidr(), true);
    }
    spec.vni = reader_.vni("configuration.tunnel_id", configuration.tunnel_id());
  }
  finish(out_.vpcs, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
