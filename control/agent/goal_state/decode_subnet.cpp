// Subnets.
#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"
#include "control/agent/goal_state/subnet_options.hpp"

namespace alkaid::agent {
namespace {

std::string network_type_name(alcor::schema::NetworkType type) {
  const std::string& name = alcor::schema::NetworkType_Name(type);
  return name.empty() ? fmt::format("{}", static_cast<int>(type)) : name;
}

void read_gateway(const alcor::schema::SubnetConfiguration& configuration, FieldReader& reader,
                  SubnetSpec& spec) {
  const auto& gateway = configuration.gateway();
  const IpAddress address =
      reader.optional_address("configuration.gateway.ip_address", gateway.ip_address());
  const MacAddress mac =
      reader.optional_mac("configuration.gateway.mac_address", gateway.mac_address());
  if (address.is_unset()) {
    return;
  }
  if (address.is_v4() != spec.cidr.address.is_v4()) {
    reader.refuse("configuration.gateway.ip_address", gateway.ip_address(),
                  "is not of the subnet's address family");
  }
  // Without a MAC nothing can answer for the address: the subnet has no gateway (yet).
  spec.has_gateway = !mac.is_zero();
  if (spec.has_gateway) {
    spec.gateway = {address, mac};
  }
}

}  // namespace

void ResourceDecoder::add(const alcor::schema::SubnetState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  const Intent intent = begin(ResourceType::kSubnet, state, key);
  SubnetSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kDelete) {
    spec.vni = Vni::from_number(configuration.tunnel_id()).value_or(Vni{});
  }
  if (intent == Intent::kSet) {
    if (configuration.network_type() != alcor::schema::VXLAN) {
      reader_.refuse("configuration.network_type", network_type_name(configuration.network_type()),
                     "is not carried: VXLAN is");
    }
    spec.vpc_id = configuration.vpc_id();
    spec.cidr = reader_.prefix("configuration.cidr", configuration.cidr(), true);
    spec.vni = reader_.vni("configuration.tunnel_id", configuration.tunnel_id());
    if (!reader_.refused()) {
      read_gateway(configuration, reader_, spec);
    }
    spec.dhcp_enabled = configuration.dhcp_enable();
    const bool bounded =
        reader_.list("configuration.dns_entry_list", configuration.dns_entry_list_size());
    for (int i = 0; bounded && i < configuration.dns_entry_list_size(); ++i) {
      spec.dns_servers.push_back(
          reader_.address(fmt::format("configuration.dns_entry_list[{}].entry", i),
                          configuration.dns_entry_list(i).entry()));
    }
    if (!reader_.refused()) {
      read_subnet_options(configuration, reader_, spec);
    }
  }
  finish(out_.subnets, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
