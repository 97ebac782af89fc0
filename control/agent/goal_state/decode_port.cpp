// Ports.
#include <algorithm>

#include <fmt/format.h>

#include "control/agent/goal_state/resource_decoder.hpp"

namespace alkaid::agent {

void ResourceDecoder::add(const alcor::schema::PortState& state, std::string_view key) {
  const auto& configuration = state.configuration();
  Intent intent = begin(ResourceType::kPort, state, key);
  // Alcor's way to take a port from its host.
  if (state.operation_type() == alcor::schema::UPDATE && configuration.device_id().empty() &&
      configuration.device_owner().empty()) {
    intent = Intent::kDelete;
  }
  PortSpec spec;
  if (intent != Intent::kNothing) {
    reader_.required("configuration.id", configuration.id());
  }
  if (intent == Intent::kSet) {
    constexpr std::size_t kLongestId = 255;  // the data plane's limit
    if (configuration.id().size() > kLongestId) {
      reader_.refuse("configuration.id", configuration.id(), "must not be longer than 255 bytes");
    }
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
    if (reader_.list("configuration.security_group_ids", configuration.security_group_ids_size())) {
      for (const auto& group : configuration.security_group_ids()) {
        spec.security_group_ids.push_back(group.id());
      }
      std::sort(spec.security_group_ids.begin(), spec.security_group_ids.end());
    }
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
