// Ports.
#include <algorithm>

#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {
namespace {

// Alcor's way to take a port from its host.
bool is_update_that_deletes(const alcor::schema::PortState& state) {
  return state.operation_type() == alcor::schema::UPDATE &&
         state.configuration().device_id().empty() && state.configuration().device_owner().empty();
}

std::vector<std::string> group_ids_of(const alcor::schema::PortConfiguration& configuration) {
  std::vector<std::string> ids;
  for (const auto& group : configuration.security_group_ids()) {
    ids.push_back(group.id());
  }
  return ids;
}

}  // namespace

// It is not this host's to judge: what is malformed, or says nothing of groups, is left out.
void ResourceDecoder::add_remote(const alcor::schema::PortState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  RemotePortSpec spec;
  spec.id = configuration.id().empty() ? key : std::string_view{configuration.id()};
  spec.is_gone = state.operation_type() == alcor::schema::DELETE || is_update_that_deletes(state);
  reader_.clear();
  reader_.id("configuration.id", reader_.required("configuration.id", spec.id));
  if (!spec.is_gone && alcor::schema::OperationType_IsValid(state.operation_type()) &&
      state.operation_type() != alcor::schema::GET) {
    spec.security_group_ids =
        reader_.group_ids("configuration.security_group_ids", group_ids_of(configuration));
    for (const auto& fixed_ip : configuration.fixed_ips()) {
      spec.addresses.push_back(reader_.address("configuration.fixed_ips", fixed_ip.ip_address()));
    }
    for (const auto& pair : configuration.allow_address_pairs()) {
      const IpPrefix prefix =
          reader_.prefix("configuration.allow_address_pairs", pair.ip_address(), false);
      if (prefix.length == prefix.max_length()) {
        spec.addresses.push_back(prefix.address);
      }
    }
    reader_.list("configuration.fixed_ips", static_cast<int>(spec.addresses.size()));
  } else if (!spec.is_gone) {
    return;
  }
  if (!reader_.refused()) {
    out_.remote_ports.push_back(std::move(spec));
  }
}

void ResourceDecoder::add(const alcor::schema::PortState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  Intent intent = begin(ResourceType::kPort, state, key);
  if (is_update_that_deletes(state)) {
    intent = Intent::kDelete;
  }
  PortSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    reader_.id("configuration.id", configuration.id());
    spec.mac = reader_.mac("configuration.mac_address", configuration.mac_address());
    spec.admin_up = configuration.admin_state_up();
    if (configuration.fixed_ips().empty()) {
      reader_.refuse("configuration.fixed_ips", "",
                     "must hold at least one address: its subnet says where the port belongs");
    }
    const bool bounded =
        reader_.list("configuration.fixed_ips", configuration.fixed_ips_size()) &&
        reader_.list("configuration.allow_address_pairs", configuration.allow_address_pairs_size());
    for (int i = 0; bounded && i < configuration.fixed_ips_size(); ++i) {
      const auto& fixed_ip = configuration.fixed_ips(i);
      const std::string path = fmt::format("configuration.fixed_ips[{}]", i);
      spec.fixed_ips.push_back(
          {std::string{reader_.required(path + ".subnet_id", fixed_ip.subnet_id())},
           reader_.address(path + ".ip_address", fixed_ip.ip_address())});
    }
    for (int i = 0; bounded && i < configuration.allow_address_pairs_size(); ++i) {
      const auto& pair = configuration.allow_address_pairs(i);
      const std::string path = fmt::format("configuration.allow_address_pairs[{}]", i);
      spec.address_pairs.push_back(
          {reader_.prefix(path + ".ip_address", pair.ip_address(), false),
           reader_.optional_mac(path + ".mac_address", pair.mac_address())});
    }
    spec.device_owner = configuration.device_owner();
    spec.host_ip = configuration.host_info().ip_address();
    spec.host_mac = configuration.host_info().mac_address();
    spec.security_group_ids =
        reader_.group_ids("configuration.security_group_ids", group_ids_of(configuration));
    if (!reader_.refused()) {
      Refusal refusal;
      const auto attachment =
          context_.port_attach.expand({configuration.id(), configuration.name(),
                                       configuration.device_id(), spec.mac.to_string()},
                                      refusal);
      if (attachment) {
        spec.attachment = *attachment;
      } else {
        reader_.refuse(refusal.field, refusal.value, refusal.message);
      }
    }
  }
  finish(out_.ports, intent, configuration.id(), std::move(spec));
}

}  // namespace alkaid::agent
