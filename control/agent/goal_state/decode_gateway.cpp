// Gateways of VPCs.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

using alcor::schema::GatewayConfiguration;

void read_destinations(const GatewayConfiguration& configuration, FieldReader& reader,
                       VpcGatewaySpec& spec) {
  const int count = configuration.destinations_size();
  if (!reader.list("configuration.destinations", count)) {
    return;
  }
  for (int i = 0; i < count; ++i) {
    const auto& destination = configuration.destinations(i);
    const std::string path = fmt::format("configuration.destinations[{}]", i);
    spec.destinations.push_back(
        {reader.address(path + ".ip_address", destination.ip_address()),
         reader.optional_mac(path + ".mac_address", destination.mac_address())});
  }
}

void read_extra_info(const GatewayConfiguration& configuration, FieldReader& reader,
                     VpcGatewaySpec& spec) {
  if (configuration.has_zeta_info()) {
    spec.inband_port = reader.port("configuration.zeta_info.port_inband_operation",
                                   configuration.zeta_info().port_inband_operation());
  } else if (configuration.has_arion_info()) {
    const auto& arion = configuration.arion_info();
    spec.inband_port = reader.port("configuration.arion_info.port_inband_operation",
                                   arion.port_inband_operation());
    spec.vni = reader.vni("configuration.arion_info.vni", arion.vni());
    spec.vpc_id = arion.vpc_id();
    spec.subnet_id = arion.subnet_id();
  }
}

}  // namespace

void ResourceDecoder::add(const alcor::schema::GatewayState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kGateway, state, key);
  VpcGatewaySpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    const int type = configuration.gateway_type();
    if (!alcor::schema::GatewayType_IsValid(type)) {
      reader_.refuse("configuration.gateway_type", fmt::format("{}", type),
                     "must be 0 (DEFAULT), 1 (ZETA), 2 (TGW), 3 (IGW), 4 (NGW) or 5 (ARION)");
    }
    spec.type = static_cast<GatewayType>(type);
    read_destinations(configuration, reader_, spec);
    read_extra_info(configuration, reader_, spec);
  }
  finish(out_.gateways, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
